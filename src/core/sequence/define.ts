import { flag, knownOptions, optionalFunction, quote, text } from '../options.ts'
import type { Sequence, SequenceModule, States } from './contract.ts'
import { jsonState, jsonText, stateJson } from './json.ts'

/** What `defineSequence` needs: `id`, and `start` and `next` or else `states`. */
export type SequenceDefinition<State, Term> = (SteppedDefinition<State> | RunningDefinition<State>) &
  CommonDefinition<State, Term>

/** Each state follows from the one before. */
interface SteppedDefinition<State> {
  /** The state of the first term; undefined: there are no terms. */
  start(): State | undefined
  /** The state of the next term, in a new object; undefined: that was the last. Takes a few ms at most. */
  next(state: State): State | undefined
  states?: undefined
}

/** States are made in a row, where that is faster or has to be waited for: an (async) generator. */
interface RunningDefinition<State> {
  /** As `states` of `Sequence`. */
  states(after: State | undefined, signal: AbortSignal, count: number): States<State>
  start?: undefined
  next?: undefined
}

interface CommonDefinition<State, Term> extends Partial<Codec<State>> {
  /** Names it in keys of stores and in validators: unique among the sequences that share a store. */
  readonly id: string
  /** Another one whenever a term, its text, the length or the encoding of a state changes. Default `1`. */
  readonly version?: string | undefined
  /** How many terms it has. Default: endless, or not known. */
  readonly length?: number | undefined
  /** Whether `id`, `version` and index alone decide a term, for ever. Default true. */
  readonly deterministic?: boolean | undefined
  /**
   * The module that exports it, so that costly terms can be computed in worker threads: `import.meta.url` where the export
   * is named `sequence`. Workers import it, so that it must not start anything. Default: none, it stays on the event loop.
   */
  readonly module?: string | URL | SequenceModule | undefined
  /** As `jump` of `Sequence`. Default: none, terms before `n` are computed and skipped. */
  readonly jump?: Sequence<State, Term>['jump']
  /** The term of a state. Default: the state is the term. */
  term?(state: State): Term
  /** The JSON text of a state's term, without line breaks. Default: JSON.stringify, with bigints as strings. */
  text?(state: State): string
  /** Default: 20 bytes a term; 1 us a term, and for each that has to be skipped. */
  readonly cost?: Sequence['cost'] | undefined
}

/** Default: JSON, in which bigints come back as bigints. Both or none. */
interface Codec<State> {
  encode(state: State): Uint8Array
  decode(bytes: Uint8Array): State
}

const KNOWN = [
  ...['id', 'version', 'length', 'deterministic', 'start', 'next', 'states', 'jump', 'term', 'text'],
  ...['encode', 'decode', 'cost', 'module'],
]

/**
 * Makes a sequence of your own. What goes without saying is filled in:
 *
 * ```ts
 * const powers = defineSequence({ id: 'powers-of-3', start: () => 1n, next: (power) => power * 3n })
 * ```
 *
 * @throws TypeError or RangeError where the definition is none.
 */
export function defineSequence<State, Term = State>(
  definition: SequenceDefinition<State, Term>,
): Sequence<State, Term> {
  knownOptions('defineSequence', definition, KNOWN)
  const { jump, term, text: textOf, cost } = definition
  optionalFunction('term', term)
  const sequence: Sequence<State, Term> = {
    id: requiredText('id', definition.id),
    version: text('version', definition.version, '1'),
    length: lengthOf(definition.length),
    deterministic: flag('deterministic', definition.deterministic, true),
    states: statesOf(definition),
    jump: optionalFunction('jump', jump)?.bind(definition),
    term: (state) => (term === undefined ? (state as unknown as Term) : term.call(definition, state)),
    text:
      optionalFunction('text', textOf)?.bind(definition) ??
      ((state) => jsonText(term === undefined ? state : term.call(definition, state))),
    ...codecOf(definition),
    cost: optionalFunction('cost', cost)?.bind(definition) ?? assumedCost(jump !== undefined, 1e-3),
  }
  return Object.defineProperty(sequence, 'module', { value: moduleOption(definition.module), enumerable: false })
}

function moduleOption(given: SequenceDefinition<never, never>['module']): SequenceModule | undefined {
  const { url, name = 'sequence' } =
    typeof given === 'string' || given instanceof URL ? { url: `${given}` } : (given ?? {})
  // Bundles of CommonJS have no `import.meta.url`.
  if (url === undefined) return undefined
  if (URL.canParse(url) && /^(file|data):/.test(url)) return { url, name: text('module.name', name, 'sequence') }
  throw new TypeError(`module must be the URL of a module that can be imported, import.meta.url, not ${quote(url)}`)
}

function requiredText(name: string, value: unknown): string {
  if (typeof value === 'string' && value !== '') return value
  throw new TypeError(`${name} must be a string that is not empty, not ${quote(value)}`)
}

function lengthOf(value: unknown): number | undefined {
  if (value === undefined) return undefined
  if (Number.isSafeInteger(value) && (value as number) >= 0) return value as number
  throw new RangeError(`length must be a whole number of at least 0, not ${quote(value)}`)
}

function statesOf<State, Term>(definition: SequenceDefinition<State, Term>): Sequence<State>['states'] {
  const { start, next, states } = definition
  const isStepped = typeof start === 'function' && typeof next === 'function'
  if (isStepped === (typeof states === 'function')) {
    throw new TypeError('defineSequence takes the functions start and next, or else the function states')
  }
  if (typeof states === 'function') return states.bind(definition)
  const { start: first, next: following } = definition as SteppedDefinition<State>
  return function* (after) {
    let state = after === undefined ? first.call(definition) : following.call(definition, after)
    while (state !== undefined) {
      yield state
      state = following.call(definition, state)
    }
  }
}

function codecOf<State, Term>(definition: SequenceDefinition<State, Term>): Codec<State> {
  const encode = optionalFunction('encode', definition.encode)
  const decode = optionalFunction('decode', definition.decode)
  if ((encode === undefined) !== (decode === undefined)) {
    throw new TypeError('encode and decode have to be given together')
  }
  if (encode === undefined || decode === undefined) {
    return { encode: stateJson, decode: (bytes) => jsonState(bytes) as State }
  }
  return { encode: encode.bind(definition), decode: decode.bind(definition) }
}

/** What is assumed of a sequence that says nothing of itself. `time` of a term, ms, also of one that has to be skipped. */
export function assumedCost(isJumpable: boolean, time: number): Sequence['cost'] {
  return (start, count, kept) => {
    const skipped = isJumpable && kept === undefined ? 0 : start - (kept ?? -1) - 1
    return { bytes: count * 20, time: (skipped + count) * time }
  }
}
