import { setImmediate as breath } from 'node:timers/promises'
import type { Clock } from '../../core/clock.ts'
import type { StoreCapabilities } from '../../core/store/capabilities.ts'
import type { ByteBackend } from '../../core/store/remote.ts'
import { sqliteCapabilities } from './sqlite-capabilities.ts'
import { endOf, type SqliteFile } from './sqlite-file.ts'
import type { Statements } from './sqlite-schema.ts'

export interface SqliteSettings {
  readonly maxBytes: number
  readonly sweepInterval: number
  readonly clock: Clock
}

/** Rows that are removed in one go: some milliseconds where all are of 512 KiB. */
const batch = 32
/** Fewer, so that no more leave than must. */
const evictBatch = 8
/** Writes between two looks for rows that have ended, which need less than one row per write to keep up. */
const sweepEvery = 128
const sweepBatch = 160
/** Parts of `maxBytes`: what this process writes between two looks at the total, and where eviction stops. */
const unwatched = 1 / 256
const roomy = 0.98

/** Items in a SQLite file. Everything that is long comes in batches, with a breath for others between. */
export class SqliteBackend implements ByteBackend {
  readonly capabilities: StoreCapabilities
  /** SQLite copies what is bound before a statement runs. */
  readonly givesBytesBack = true
  readonly #file: SqliteFile
  readonly #settings: SqliteSettings
  readonly #clock: Clock
  #sweeper: NodeJS.Timeout | undefined
  #sweeping: Promise<void> | undefined
  #evicting: Promise<void> | undefined
  #writes = 0
  /** Bytes written since the last look at the total; the first write looks. */
  #unwatched = Infinity

  constructor(file: SqliteFile, settings: SqliteSettings) {
    this.#file = file
    this.#settings = settings
    this.#clock = settings.clock
    this.capabilities = sqliteCapabilities(file, settings.clock)
  }

  async open(): Promise<void> {
    await this.#file.open()
    this.#sweeper ??= setInterval(() => this.#sweepAll(), this.#settings.sweepInterval).unref()
  }

  get(key: string): Promise<Uint8Array | undefined> {
    return this.#file.use(({ get }) => get.get(key, this.#clock.now())?.value as Uint8Array | undefined)
  }

  async set(key: string, bytes: Buffer, lifetime: number): Promise<void> {
    const size = key.length + bytes.length
    await this.#file.use(({ set }) => set.run(key, endOf(this.#clock, lifetime), size, bytes))
    this.#unwatched += size
    if (this.#unwatched > this.#settings.maxBytes * unwatched) await this.#evict()
    if (++this.#writes % sweepEvery === 0) await this.#file.use(this.#sweep)
  }

  async delete(keys: readonly string[]): Promise<void> {
    for (const key of keys) await this.#file.use((statements) => statements.delete.run(key))
  }

  async clear(prefix: string): Promise<void> {
    const behind = prefix.slice(0, -1) + String.fromCharCode(prefix.charCodeAt(prefix.length - 1) + 1)
    await this.#untilLess(batch, ({ clear }) => clear.map((table) => table.run(prefix, behind, batch).changes))
  }

  async close(): Promise<void> {
    clearInterval(this.#sweeper)
    // What is under way ends with the batch it is at.
    this.#file.close()
    await Promise.allSettled([this.#sweeping, this.#evicting])
  }

  /** One eviction at a time, which all writers of this process wait for. */
  #evict(): Promise<void> {
    this.#evicting ??= this.#makeRoom().finally(() => {
      this.#evicting = undefined
    })
    return this.#evicting
  }

  async #makeRoom(): Promise<void> {
    const { maxBytes } = this.#settings
    this.#unwatched = 0
    if (!(await this.#file.use((statements) => bytesIn(statements) > maxBytes * (1 - unwatched)))) return
    await this.#file.use(this.#sweep)
    while (await this.#file.use((statements) => bytesIn(statements) > maxBytes * roomy)) {
      await this.#file.use(({ evict }) => evict.run(evictBatch))
      await breath()
    }
  }

  /** Removes some of what has ended; how much in each table. */
  #sweep = ({ sweep }: Statements): (number | bigint)[] => {
    const now = this.#clock.now()
    return sweep.map((table) => table.run(now, sweepBatch).changes)
  }

  #sweepAll(): void {
    this.#sweeping ??= this.#untilLess(sweepBatch, this.#sweep)
      // Nobody waits for it: who reads or writes is told what is wrong with the file.
      .catch(() => {})
      .finally(() => {
        this.#sweeping = undefined
      })
  }

  /** Again and again until no table had a full batch. */
  async #untilLess(full: number, remove: (statements: Statements) => (number | bigint)[]): Promise<void> {
    while ((await this.#file.use(remove)).includes(full)) await breath()
  }
}

function bytesIn({ total }: Statements): number {
  return total.get()?.bytes as number
}
