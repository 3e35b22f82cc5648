import { isLargeItem, isStoreItem } from '../check.ts'
import { type HealthLog, healthOf } from '../health.ts'
import { wholeBody } from '../large.ts'
import type { LargeItem, OpenBody, Store, StoredBody, StoreItem } from '../store.ts'
import type { StoreBudget } from './budget.ts'
import { type Outcome, waitAtMost, withDeadline } from './deadline.ts'
import type { StoreGate, StorePermit } from './gate.ts'
import { GuardedBody, ReportingBody } from './guarded-body.ts'
import type { GuardedItem, GuardedStore, Report, StoreEvent, StoreOperation } from './guarded-store.ts'
import { OwedDeletes } from './owed-deletes.ts'
import { SharedReads } from './shared-reads.ts'
import type { Writes } from './writes.ts'

/** One call of the store; an outcome is told once, by whoever sees it first. */
interface Call {
  readonly operation: StoreOperation
  readonly deadline: number
  reported: boolean
}

type Attempt<T> = Promise<Outcome<T>>

/** A key that nobody uses. */
const PROBE = 'breakwater probe'

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
  readonly #readWhole: number
  readonly #reads = new SharedReads<StoreItem | LargeItem | undefined>()
  readonly #owed = new OwedDeletes()

  /** `readWhole`: bytes of bodies that are read into memory though the store could stream them, as a near tier takes them. */
  constructor(
    store: Store,
    parts: {
      gate: StoreGate
      writes: Writes
      report: Report
      health: HealthLog
      readTimeout: number
      writeTimeout: number
      readWhole: number
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
    this.#readWhole = parts.readWhole
    this.#health.probe = () => this.#probe()
  }

  async get(key: string, budget?: StoreBudget, signal?: AbortSignal): Promise<GuardedItem | undefined> {
    const shouldBeGone = this.#owed.has(key)
    const found = await this.#within((call) => this.#begunFor(key, call), budget, signal)
    // It was asked for all the same: somebody has to see whether the store is back.
    if (shouldBeGone) return undefined
    if (found === undefined || isStoreItem(found)) return found
    if (isLargeItem(found)) {
      const { meta, body } = found
      return { meta, body: new GuardedBody(body, (...asked) => this.#open(...asked)) }
    }
    const call: Call = { operation: 'get', deadline: this.#readTimeout, reported: false }
    return this.#tell(call, 'error', new TypeError(`The store ${this.name} answered with something that is no item`))
  }

  latest(key: string, budget?: StoreBudget, signal?: AbortSignal): Promise<GuardedItem | undefined> {
    return this.get(key, budget, signal)
  }

  set(key: string, item: GuardedItem, lifetime: number): Promise<boolean> {
    const { meta, body } = item
    if (!(body instanceof GuardedBody)) {
      return this.#set(key, body.length, () => this.#store.set(key, item as StoreItem, lifetime))
    }
    const { streams } = this.#store
    return this.#set(key, 0, async () => streams?.renew(key, { meta, body: body.stored }, lifetime))
  }

  /** What is not removed at once is removed when the store is back, and not used until then. */
  delete(key: string): Promise<boolean> {
    this.#owed.add(key)
    return this.#deleteOwed(key)
  }

  async clear(): Promise<boolean> {
    this.#reads.endAll()
    await this.#writes.settled()
    const call: Call = { operation: 'clear', deadline: this.#writeTimeout, reported: false }
    const isDone = await this.#isDone(call, async () => {
      await this.#store.clear()
      this.#owed.clear()
    })
    this.#reads.endAll()
    return isDone
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

  #set(key: string, bytes: number, set: () => void | Promise<void>): Promise<boolean> {
    return this.#write('set', key, bytes, () => {
      // A set that arrives late must not bring back what was removed meanwhile.
      if (!this.#owed.has(key)) return set()
      return Promise.resolve(set()).then(() => this.#owed.settled(key))
    })
  }

  /** Unless it is settled when its turn comes, by a write that was under way: then the store is not asked at all. */
  readonly #deleteOwed = (key: string): Promise<boolean> => {
    const remove = async (): Promise<void> => {
      await this.#store.delete(key)
      this.#owed.settled(key)
    }
    return this.#write('delete', key, 0, remove, () => this.#owed.has(key))
  }

  /** The read of a key, perhaps another's; undefined where nobody should wait for the store. */
  #begunFor(key: string, call: Call): Attempt<StoreItem | LargeItem | undefined> | undefined {
    const known = this.#reads.get(key)
    if (known !== undefined) return known
    const { streams } = this.#store
    const begun = this.#begin(call, () => (streams === undefined ? this.#store.get(key) : this.#find(key, streams)))
    if (begun !== undefined) this.#reads.add(key, begun)
    return begun
  }

  async #find(key: string, streams: NonNullable<Store['streams']>): Promise<StoreItem | LargeItem | undefined> {
    const found = await streams.get(key)
    if (found === undefined || isStoreItem(found) || !(found.body?.length <= this.#readWhole)) return found
    const body = await wholeBody(found.body)
    return body && { meta: found.meta, body }
  }

  /** Opening is a read as any other; what comes late is closed. */
  async #open(
    stored: StoredBody,
    [start, end]: readonly [start: number, end: number],
    budget: StoreBudget | undefined,
    signal: AbortSignal | undefined,
  ): Promise<OpenBody | undefined> {
    let opened: OpenBody | undefined
    let isOver = false
    const open = async (): Promise<OpenBody | undefined> => {
      const body = await stored.open(start, end)
      if (isOver) body?.close()
      else opened = body
      return opened
    }
    const body = await this.#within((call) => this.#begin(call, open), budget, signal)
    isOver = true
    if (body !== undefined) return new ReportingBody(body, (error) => this.#report('error', 'read', error))
    opened?.close()
    return undefined
  }

  /** What is read, if it is so within the deadline and the budget. `begin` gives undefined where nobody should wait. */
  async #within<T>(
    begin: (call: Call) => Attempt<T> | undefined,
    budget: StoreBudget | undefined,
    signal: AbortSignal | undefined,
  ): Promise<T | undefined> {
    if (signal?.aborted) return undefined
    const call: Call = { operation: 'get', deadline: this.#readTimeout, reported: false }
    const patience = Math.min(call.deadline, budget?.remaining() ?? Infinity)
    if (patience <= 0) return this.#tell(call, 'timeout')
    budget?.begin()
    try {
      return await this.#waited(begin(call), call, patience, signal)
    } finally {
      budget?.end()
    }
  }

  /** The caller's wait may end before the call's own deadline; the gate learns how the call ended all the same. */
  async #waited<T>(
    attempt: Attempt<T> | undefined,
    call: Call,
    patience: number,
    signal: AbortSignal | undefined,
  ): Promise<T | undefined> {
    if (attempt === undefined) return undefined
    const isShorter = signal !== undefined || patience < call.deadline
    const seen = await (isShorter ? waitAtMost(attempt, patience, signal) : attempt)
    if (seen === undefined) return signal?.aborted ? undefined : this.#tell(call, 'timeout')
    return seen.type === 'value' ? seen.value : undefined
  }

  /** Calls the store; undefined where nobody should wait for it. */
  #begin<T>(call: Call, run: () => T | Promise<T>): Attempt<T> | undefined {
    const permit = this.#enter(call)
    if (permit === undefined) return undefined
    const attempt = this.#attempt(call, permit, run)
    return permit.isProbe ? this.#tell({ ...call }, 'skipped') : attempt
  }

  /** Asks for something that is not there, only to see what comes of it: as often as the gate allows while it is open. */
  #probe(): void {
    if (healthOf(this.#store).state === 'degraded' && !this.#health.isQuiet) return
    const call: Call = { operation: 'get', deadline: this.#readTimeout, reported: true }
    const permit = this.#enter(call)
    if (permit !== undefined) void this.#attempt(call, permit, async () => void (await this.#store.get(PROBE)))
  }

  async #write(
    operation: StoreOperation,
    key: string,
    bytes: number,
    write: () => void | Promise<void>,
    isNeeded: () => boolean = () => true,
  ): Promise<boolean> {
    this.#reads.end(key)
    const call: Call = { operation, deadline: this.#writeTimeout, reported: false }
    if (!this.#writes.hasRoom(bytes)) {
      this.#tell(call, 'dropped')
      return false
    }
    const isDone = await this.#writes.run(key, bytes, async () => !isNeeded() || this.#isDone(call, write))
    // What began to be read meanwhile may be what was there before.
    this.#reads.end(key)
    return isDone
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
        this.#owed.settle(this.#deleteOwed)
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
      const permit = this.#gate.enter(call.operation === 'get' ? 'read' : 'write')
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
