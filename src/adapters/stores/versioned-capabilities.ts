import { setTimeout as wait } from 'node:timers/promises'
import type { StoreCapabilities } from '../../core/store/capabilities.ts'
import { StoreError } from '../../core/store/errors.ts'

/** What is under a key now. */
export interface Versioned {
  /** undefined where nothing is there, or nothing that has not ended. */
  readonly value: Buffer | undefined
  /** What a write must find for it to be done. */
  readonly version: Version
}

/** The server's mark of one write, or that it has nothing under the key. */
export type Version = string | 'absent'

/** A client whose writes can depend on what they replace. */
export interface VersionedClient {
  read(key: string): Promise<Versioned>
  /** Writes `next`, or removes where it is undefined, if `version` is still what is there; false where it is not. */
  write(key: string, version: Version, next: Buffer | undefined, lifetime: number): Promise<boolean>
}

/** How often a call begins anew because another process came between. */
const attempts = 1_000
/** Callers that were refused together come back within so many ms of each other, and not together. */
const longestPause = 20

/** Capabilities made of conditional writes: a call that another one came between begins anew. */
export function versionedCapabilities(client: VersionedClient): StoreCapabilities {
  const queue = new KeyQueue()

  /** Runs `step` until it answers; undefined from it means that another caller came between. */
  const untilAlone = async <T>(step: () => Promise<T | undefined>): Promise<T> => {
    for (let attempt = 1; attempt <= attempts; attempt++) {
      const answer = await step()
      if (answer !== undefined) return answer
      await wait(Math.random() * Math.min(attempt, longestPause))
    }
    throw new StoreError(`One value is written by too many at once: others were quicker ${attempts} times`)
  }

  return {
    scope: 'cluster',

    read: async (key) => (await client.read(key)).value,

    // Callers of this process would only refuse each other: they go one after the other.
    increment: (key, by, lifetime) =>
      queue.run(key, () =>
        untilAlone(async () => {
          const { value, version } = await client.read(key)
          const sum = counted(value) + by
          return (await client.write(key, version, Buffer.from(String(sum)), lifetime)) ? sum : undefined
        }),
      ),

    setIfAbsent: async (key, value, lifetime) => {
      if (await client.write(key, 'absent', value, lifetime)) return true
      return untilAlone(async () => {
        const found = await client.read(key)
        if (found.value !== undefined) return false
        return (await client.write(key, found.version, value, lifetime)) || undefined
      })
    },

    // Another write between may have left the very bytes that were expected.
    compareAndSwap: (key, expected, next, lifetime) =>
      untilAlone(async () => {
        const { value, version } = await client.read(key)
        if (!value?.equals(expected)) return false
        return (await client.write(key, version, next, lifetime)) || undefined
      }),
  }
}

function counted(value: Buffer | undefined): number {
  if (value === undefined) return 0
  const text = value.toString('latin1')
  const count = Number(text)
  if (!/^-?\d+$/.test(text) || !Number.isSafeInteger(count)) throw new StoreError('What is to be counted is no number')
  return count
}

/** Runs work under the same key one after the other. */
class KeyQueue {
  readonly #last = new Map<string, Promise<unknown>>()

  run<T>(key: string, work: () => Promise<T>): Promise<T> {
    const before = this.#last.get(key)
    const turn = before === undefined ? work() : before.then(work, work)
    this.#last.set(key, turn)
    const forget = (): void => {
      if (this.#last.get(key) === turn) this.#last.delete(key)
    }
    turn.then(forget, forget)
    return turn
  }
}
