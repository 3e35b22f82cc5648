import { setTimeout as wait } from 'node:timers/promises'
import type { ListCapabilities, StoreCapabilities, Subscriber } from './capabilities.ts'
import { StoreError } from './errors.ts'

/** How often an append begins anew because another caller came between; and how long it waits then, in ms. */
const attempts = 200
const longestPause = 20

/** Before each value of a list kept as one value: its length, u32 big-endian. */
const lengthBytes = 4

/**
 * Capabilities with lists: the store's own, or a list kept as one value that is read and swapped, so that it costs as
 * much as the whole list is long and ends at the largest value the store takes. The key of a list is for `append` and
 * `slice` only.
 *
 * `append` rejects with a StoreError where others were quicker 200 times in a row, and both where the value under the
 * key is no list.
 */
export function withLists(capabilities: StoreCapabilities): ListCapabilities {
  const { append, slice } = capabilities
  if (append !== undefined && slice !== undefined) return capabilities as ListCapabilities
  return new ListsBySwapping(capabilities)
}

class ListsBySwapping implements ListCapabilities {
  readonly scope: StoreCapabilities['scope']
  readonly publish?: (channel: string, text: string) => Promise<void>
  readonly subscribe?: (channel: string, subscriber: Subscriber) => Promise<() => Promise<void>>
  readonly #own: StoreCapabilities

  constructor(own: StoreCapabilities) {
    this.#own = own
    this.scope = own.scope
    if (own.publish !== undefined) this.publish = own.publish.bind(own)
    if (own.subscribe !== undefined) this.subscribe = own.subscribe.bind(own)
  }

  read(key: string): Promise<Buffer | undefined> {
    return this.#own.read(key)
  }

  increment(key: string, by: number, lifetime: number): Promise<number> {
    return this.#own.increment(key, by, lifetime)
  }

  setIfAbsent(key: string, value: Buffer, lifetime: number): Promise<boolean> {
    return this.#own.setIfAbsent(key, value, lifetime)
  }

  compareAndSwap(key: string, expected: Buffer, next: Buffer | undefined, lifetime: number): Promise<boolean> {
    return this.#own.compareAndSwap(key, expected, next, lifetime)
  }

  async append(key: string, value: Buffer, lifetime: number): Promise<number> {
    const added = framed(value)
    for (let attempt = 0; attempt < attempts; attempt++) {
      const before = await this.#own.read(key)
      const length = before === undefined ? 1 : valuesIn(before).length + 1
      const isWritten =
        before === undefined
          ? await this.#own.setIfAbsent(key, added, lifetime)
          : await this.#own.compareAndSwap(key, before, Buffer.concat([before, added]), lifetime)
      if (isWritten) return length
      // Callers that were refused together must not come back together.
      await wait(Math.random() * Math.min(attempt, longestPause))
    }
    throw new StoreError(`A list is written by too many at once: others were quicker ${attempts} times in a row`)
  }

  async slice(key: string, from: number): Promise<readonly Buffer[]> {
    const kept = await this.#own.read(key)
    return kept === undefined ? [] : valuesIn(kept).slice(Math.max(0, from))
  }
}

function framed(value: Buffer): Buffer {
  const frame = Buffer.allocUnsafe(lengthBytes + value.length)
  frame.writeUInt32BE(value.length)
  frame.set(value, lengthBytes)
  return frame
}

/** The values of a list, as views of its memory. */
function valuesIn(list: Buffer): Buffer[] {
  const values: Buffer[] = []
  for (let start = 0; start < list.length; ) {
    const from = start + lengthBytes
    const end = from <= list.length ? from + list.readUInt32BE(start) : Infinity
    if (end > list.length) throw new StoreError('What the store keeps under the key of a list is not a list')
    values.push(list.subarray(from, end))
    start = end
  }
  return values
}
