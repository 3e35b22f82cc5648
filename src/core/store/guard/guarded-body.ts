import type { OpenBody, StoredBody } from '../store.ts'
import type { StoreBudget } from './budget.ts'

/** A body that a guarded store found and did not read: opening it never rejects nor lasts. */
export class GuardedBody {
  readonly length: number
  /** As the store gave it. */
  readonly stored: StoredBody
  readonly #open: OpenGuarded

  constructor(stored: StoredBody, open: OpenGuarded) {
    this.length = stored.length
    this.stored = stored
    this.#open = open
  }

  /** Undefined where it is gone, damaged at `start`, late, or `signal` aborts. What was opened must be closed. */
  open(start: number, end: number, budget?: StoreBudget, signal?: AbortSignal): Promise<OpenBody | undefined> {
    return this.#open(this.stored, [start, end], budget, signal)
  }
}

type OpenGuarded = (
  stored: StoredBody,
  span: readonly [start: number, end: number],
  budget: StoreBudget | undefined,
  signal: AbortSignal | undefined,
) => Promise<OpenBody | undefined>

/** An open body that tells of reads that fail. */
export class ReportingBody implements OpenBody {
  readonly #body: OpenBody
  readonly #failed: (error: unknown) => void
  #isClosed = false

  constructor(body: OpenBody, failed: (error: unknown) => void) {
    this.#body = body
    this.#failed = failed
  }

  async *read(start: number, end: number): AsyncGenerator<Buffer, void, void> {
    try {
      yield* this.#body.read(start, end)
    } catch (error) {
      // Whoever closes it while it is read has had enough of it.
      if (!this.#isClosed) this.#failed(error)
      throw error
    }
  }

  close(): void {
    this.#isClosed = true
    try {
      this.#body.close()
    } catch (error) {
      this.#failed(error)
    }
  }
}
