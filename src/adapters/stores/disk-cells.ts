import { randomUUID } from 'node:crypto'
import { link, open, readFile, rename, stat } from 'node:fs/promises'
import { basename, join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import type { Clock } from '../../core/clock.ts'
import type { StoreCapabilities } from '../../core/store/capabilities.ts'
import { StoreError } from '../../core/store/errors.ts'
import { codeOf, DiskFiles, diskError, inFolder, isAbsent, remove } from './disk-files.ts'

/** Milliseconds that a lock is respected; what is done under it takes a few. */
const lockLifetime = 3000
/** Milliseconds that a caller waits for a lock. */
const patience = 10_000
/** Milliseconds between two attempts, at most. */
const pause = 8

/**
 * Small values that are changed under a lock: a file that only one process can make, and that the next takes away if
 * its maker was killed. Callers of one process wait in a queue for each key.
 */
export class DiskCells implements StoreCapabilities {
  readonly scope = 'host'
  readonly #root: string
  readonly #clock: Clock
  readonly #files: DiskFiles
  readonly #queues = new Map<string, Promise<unknown>>()

  constructor(root: string, clock: Clock) {
    this.#root = root
    this.#clock = clock
    this.#files = new DiskFiles(join(root, 'cells'), join(root, 'temporary'))
  }

  async read(key: string): Promise<Buffer | undefined> {
    const kept = await this.#files.read(key)
    return kept && kept.expires > this.#clock.now() ? kept.value : undefined
  }

  increment(key: string, by: number, lifetime: number): Promise<number> {
    return this.#change(key, lifetime, (found) => {
      const count = Number(found ?? 0)
      if (!Number.isSafeInteger(count)) throw new StoreError('What is to be counted is no number')
      const sum = count + by
      return { next: Buffer.from(String(sum)), result: sum }
    })
  }

  setIfAbsent(key: string, value: Buffer, lifetime: number): Promise<boolean> {
    return this.#change(key, lifetime, (found) => (found ? { result: false } : { next: value, result: true }))
  }

  compareAndSwap(key: string, expected: Buffer, next: Buffer | undefined, lifetime: number): Promise<boolean> {
    return this.#change(key, lifetime, (found) =>
      found?.equals(expected) ? { next: next ?? 'nothing', result: true } : { result: false },
    )
  }

  async clear(prefix: string): Promise<void> {
    for await (const { path } of this.#files.walk(prefix)) await this.#locked(path, () => remove(path))
  }

  /** Removes what has ended. */
  async sweep(): Promise<void> {
    const hasEnded = (date: number): boolean => date + 2000 < this.#clock.now()
    for await (const { path, ends } of this.#files.walk()) {
      if (!hasEnded(ends)) continue
      await this.#locked(path, async () => {
        const now = await stat(path).catch(() => undefined)
        if (now && hasEnded(now.mtimeMs)) await remove(path)
      })
    }
  }

  /** Reads, decides and writes, while nobody else does; again where the lock was lost before anything was written. */
  async #change<T>(
    key: string,
    lifetime: number,
    decide: (found: Buffer | undefined) => { next?: Buffer | 'nothing'; result: T },
  ): Promise<T> {
    const path = this.#files.pathOf(key)
    const end = performance.now() + patience
    for (;;) {
      const changed = await this.#locked(path, async (isStillOurs) => {
        const { next, result } = decide(await this.read(key))
        if (next === undefined) return { result }
        if (!(await isStillOurs())) return undefined
        if (next === 'nothing') await this.#files.delete(key)
        else await this.#files.write(key, this.#clock.now() + lifetime, next)
        return { result }
      })
      if (changed !== undefined) return changed.result
      if (performance.now() > end) throw new StoreError(`The lock of ${path} is lost again and again`)
    }
  }

  /** Does `work` behind what this process does with the same file, and while no other process does anything with it. */
  #locked<T>(path: string, work: (isStillOurs: () => Promise<boolean>) => Promise<T>): Promise<T> {
    const before = this.#queues.get(path)
    const turn = async (): Promise<T> => {
      await before?.catch(() => {})
      const lock = join(this.#root, 'locks', basename(path))
      const token = randomUUID()
      try {
        await this.#acquire(lock, token)
        try {
          return await work(() => holds(lock, token))
        } finally {
          await release(lock, token)
        }
      } catch (error) {
        throw diskError(this.#root, error)
      }
    }
    const mine = turn().finally(() => {
      if (this.#queues.get(path) === mine) this.#queues.delete(path)
    })
    this.#queues.set(path, mine)
    return mine
  }

  async #acquire(lock: string, token: string): Promise<void> {
    const end = performance.now() + patience
    for (;;) {
      try {
        return await inFolder(lock, () => make(lock, token))
      } catch (error) {
        if (codeOf(error) !== 'EEXIST') throw error
      }
      await this.#takeAwayIfStale(lock)
      if (performance.now() > end) throw new StoreError(`The lock ${lock} is held for longer than ${patience} ms`)
      await sleep(1 + Math.random() * pause)
    }
  }

  /** Of several that find a stale lock one takes it away; one that took a new lock instead puts it back. */
  async #takeAwayIfStale(lock: string): Promise<void> {
    // Read before its age is looked at: what is old now was no other lock a moment ago.
    const stale = await readFile(lock, 'utf8').catch(() => undefined)
    const made = await stat(lock).catch(() => undefined)
    // The clock may have been set back since.
    if (stale === undefined || made === undefined || Math.abs(Date.now() - made.mtimeMs) < lockLifetime) return
    const aside = join(this.#root, 'temporary', randomUUID())
    try {
      await rename(lock, aside)
      if ((await readFile(aside, 'utf8')) !== stale) await link(aside, lock)
    } catch (error) {
      if (!isAbsent(error) && codeOf(error) !== 'EEXIST') throw error
    } finally {
      await remove(aside)
    }
  }
}

/** Where the token cannot be written, as on a full disk, no lock is left: others would wait for one that nobody holds. */
async function make(lock: string, token: string): Promise<void> {
  const file = await open(lock, 'wx')
  try {
    await file.writeFile(token)
  } catch (error) {
    await remove(lock)
    throw error
  } finally {
    await file.close()
  }
}

/** A process that slept under its lock may find it taken away, and must not write then. */
async function holds(lock: string, token: string): Promise<boolean> {
  return (await readFile(lock, 'utf8').catch(() => undefined)) === token
}

async function release(lock: string, token: string): Promise<void> {
  const holder = await readFile(lock, 'utf8').catch(() => undefined)
  if (holder === token) await remove(lock)
}
