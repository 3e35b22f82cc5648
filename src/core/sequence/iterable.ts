import { knownOptions, optionalFunction, quote } from '../options.ts'
import type { Sequence } from './contract.ts'
import { defineSequence } from './define.ts'
import { jsonState, stateJson } from './json.ts'

/** Makes a fresh run of the items, from the first one. `signal` is aborted when nobody wants them any more. */
export type IterableFactory<Item> = (signal: AbortSignal) => Iterable<Item> | AsyncIterable<Item>

/** An item and its index: there is nothing else to go on from. */
export interface ItemState<Item> {
  readonly index: number
  readonly item: Item
}

export interface IterableOptions {
  /** As for `defineSequence`. */
  readonly id: string
  /** As for `defineSequence`. Default `1`. */
  readonly version?: string | undefined
  /** As for `defineSequence`. Default: not known. */
  readonly length?: number | undefined
  /** Whether each run gives the same items, for ever: only then are they kept. Default false. */
  readonly deterministic?: boolean | undefined
  /** As for `defineSequence`. */
  readonly cost?: Sequence['cost'] | undefined
}

/**
 * The items of an iterable, sync or async, as a sequence; items are JSON values or bigints. Whoever goes on from a state
 * runs it anew and skips what came before. Its `return` is called when a reader leaves.
 *
 * @throws TypeError or RangeError where an option is none.
 */
export function fromIterable<Item>(
  factory: IterableFactory<Item>,
  options: IterableOptions,
): Sequence<ItemState<Item>, Item> {
  if (optionalFunction('factory', factory) === undefined) {
    throw new TypeError('fromIterable takes a function that makes an iterable')
  }
  knownOptions('fromIterable', options, ['id', 'version', 'length', 'deterministic', 'cost'])
  return defineSequence<ItemState<Item>, Item>({
    ...options,
    deterministic: options.deterministic ?? false,
    states: (after, signal) => {
      const items = factory(signal)
      const last = after?.index ?? -1
      return Symbol.asyncIterator in items ? waitedFor(items, last) : computed(items, last)
    },
    term: ({ item }) => item,
    encode: stateJson,
    decode,
  })
}

function* computed<Item>(items: Iterable<Item>, last: number): Generator<ItemState<Item> | undefined> {
  let index = 0
  for (const item of items) {
    yield index > last ? { index, item } : undefined
    index++
  }
}

async function* waitedFor<Item>(items: AsyncIterable<Item>, last: number): AsyncGenerator<ItemState<Item> | undefined> {
  let index = 0
  for await (const item of items) {
    yield index > last ? { index, item } : undefined
    index++
  }
}

function decode<Item>(bytes: Uint8Array): ItemState<Item> {
  const state = jsonState(bytes) as Partial<ItemState<Item>> | null
  if (Number.isSafeInteger(state?.index)) return state as ItemState<Item>
  throw new TypeError(`These bytes are no state of an iterable: ${quote(state)}`)
}
