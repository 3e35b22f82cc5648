import { isStoreItem } from '../check.ts'
import type { HealthLog } from '../health.ts'
import type { Store, StoreItem } from '../store.ts'
import type { StoreBudget } from './budget.ts'
import { type Outcome, waitAtMost, withDeadline } from './deadline.ts'
import type { StoreGate, StorePermit } from './gate.ts'
import type { GuardedStore, Report, StoreEvent, StoreOperation } from './guarded-store.ts'
import type { Writes } from './writes.ts'

/** One call of the store; an outcome is told once, by whoever sees it first. */
interface Call {
  readonly operation: StoreOperation
  readonly deadline: number
  reported: boolean
}

/** Before a store that answers with promises: whatever it does, a read is a miss after its deadline. */
export class FarGuard implements GuardedStore {
  readonly name: string
  readonly near = false
  readonly maxEntrySize: number
  readonly #store: Store
  readonly #gate: StoreGate
  readonly #writes: Writes
  readonly #report: Report
  readonly #health: HealthLog
  readonly #readTimeout: number
  readonly #writeTimeout: number
  /** By key, the reads that began in this turn of the event loop and are under way. A write under the key ends sharing. */
  readonly #reads = new Map<string, Promise<Outcome<StoreItem | undefined>>>()

  constructor(
    store: Store,
    parts: {
      gate: StoreGate
      writes: Writes
      report: Report
      health: HealthLog
      readTimeout: number
      writeTimeout: number
    },
  ) {
    this.name = store.name
    this.maxEntrySize = store.maxEntrySize
    this.#store = store
    this.#gate = parts.gate
    this.#writes = parts.writes
    this.#report = parts.report
    this.#health = parts.health
    this.#readTimeout = parts.readTimeout
    this.#writeTimeout = parts.writeTimeout
  }

  async get(key: string, budget?: StoreBudget, signal?: AbortSignal): Promise<StoreItem | undefined> {
    if (signal?.aborted) return undefined
    const call: Call = { operation: 'get', deadline: this.#readTimeout, reported: false }
    const patience = Math.min(call.deadline, budget?.remaining() ?? Infinity)
    if (patience <= 0) return this.#tell(call, 'timeout')
    budget?.begin()
    try {
      return await this.#read(key, call, patience, signal)
    } finally {
      budget?.end()
    }
  }

  latest(key: string, budget?: StoreBudget, signal?: AbortSignal): Promise<StoreItem | undefined> {
    return this.get(key, budget, signal)
  }

  set(key: string, item: StoreItem, lifetime: number): Promise<boolean> {
    this.#reads.delete(key)
    return this.#write('set', key, item.body.length, () => this.#store.set(key, item, lifetime))
  }

  delete(key: string): Promise<boolean> {
    this.#reads.delete(key)
    return this.#write('delete', key, 0, async () => void (await this.#store.delete(key)))
  }

  async clear(): Promise<boolean> {
    this.#reads.clear()
    await this.#writes.settled()
    const call: Call = { operation: 'clear', deadline: this.#writeTimeout, reported: false }
    return this.#isDone(call, () => this.#store.clear())
  }

  reserve(bytes: number): boolean {
    try {
      return this.#store.reserve(bytes) === true
    } catch (error) {
      this.#report('error', 'reserve', error)
      return false
    }
  }

  release(bytes: number): void {
    try {
      this.#store.release(bytes)
    } catch (error) {
      this.#report('error', 'release', error)
    }
  }

  /** The caller's wait may end before the call's own deadline; the gate learns how the call ended all the same. */
  async #read(
    key: string,
    call: Call,
    patience: number,
    signal: AbortSignal | undefined,
  ): Promise<StoreItem | undefined> {
    const attempt = this.#reads.get(key) ?? this.#begun(key, call)
    if (attempt === undefined) return undefined
    const isShorter = signal !== undefined || patience < call.deadline
    const seen = await (isShorter ? waitAtMost(attempt, patience, signal) : attempt)
    if (seen === undefined) return signal?.aborted ? undefined : this.#tell(call, 'timeout')
    if (seen.type !== 'value' || seen.value === undefined) return undefined
    if (isStoreItem(seen.value)) return seen.value
    return this.#tell(call, 'error', new TypeError(`The store ${this.name} answered with something that is no item`))
  }

  /**
   * Asks the store; undefined where nobody should wait for it. Requests that come together ask for the same things, so
   * whoever wants this key before the turn is over shares the answer. Later ones do not: the store may be written to
   * by others between their beginning and that of the read.
   */
  #begun(key: string, call: Call): Promise<Outcome<StoreItem | undefined>> | undefined {
    const permit = this.#enter(call)
    if (permit === undefined) return undefined
    const attempt = this.#attempt(call, permit, () => this.#store.get(key))
    if (permit.isProbe) return this.#tell({ ...call }, 'skipped')
    if (this.#reads.size === 0) setImmediate(() => this.#reads.clear())
    this.#reads.set(key, attempt)
    void attempt.then(() => {
      if (this.#reads.get(key) === attempt) this.#reads.delete(key)
    })
    return attempt
  }

  async #write(
    operation: StoreOperation,
    key: string,
    bytes: number,
    write: () => void | Promise<void>,
  ): Promise<boolean> {
    const call: Call = { operation, deadline: this.#writeTimeout, reported: false }
    if (!this.#writes.hasRoom(bytes)) {
      this.#tell(call, 'dropped')
      return false
    }
    return this.#writes.run(key, bytes, () => this.#isDone(call, write))
  }

  /** Whether a write arrived. Never rejects. */
  async #isDone(call: Call, write: () => void | Promise<void>): Promise<boolean> {
    const permit = this.#enter(call)
    return permit !== undefined && (await this.#attempt(call, permit, write)).type === 'value'
  }

  /** Calls the store, and tells the gate and the listener what came of it. Never rejects. */
  async #attempt<T>(call: Call, permit: StorePermit, run: () => T | Promise<T>): Promise<Outcome<T>> {
    const outcome = await withDeadline(run, call.deadline, call.operation !== 'get')
    switch (outcome.type) {
      case 'value':
        permit.succeed()
        this.#health.succeeded()
        break
      case 'error':
        this.#tell(call, 'error', outcome.error)
        this.#health.failed(outcome.error)
        permit.fail(outcome.error)
        break
      case 'late': {
        const error = new Error(`The store ${this.name} did not answer within ${call.deadline} ms`)
        this.#tell(call, 'timeout')
        this.#health.failed(error)
        permit.fail(error)
      }
    }
    return outcome
  }

  #enter(call: Call): StorePermit | undefined {
    try {
      const permit = this.#gate.enter()
      if (permit === undefined) this.#tell(call, 'skipped')
      return permit
    } catch (error) {
      this.#tell(call, 'skipped', error)
      return undefined
    }
  }

  #tell(call: Call, type: StoreEvent['type'], error?: unknown): undefined {
    if (call.reported) return
    call.reported = true
    this.#report(type, call.operation, error)
  }
}
