import { setTimeout as wait } from 'node:timers/promises'

/** Revocations on their way at the same time. */
const atOnce = 4
/** Leases that wait to be revoked; those of more are left to end by themselves. */
const mostWaiting = 10_000
/** ms that closing waits for them. */
const closing = 500

/** Leases that hold nothing any more, revoked in the background: etcd would keep them until they end. */
export class SpentLeases {
  readonly #revoke: (lease: string) => Promise<unknown>
  readonly #waiting: string[] = []
  readonly #workers = new Set<Promise<void>>()

  constructor(revoke: (lease: string) => Promise<unknown>) {
    this.#revoke = revoke
  }

  /** `0` stands for no lease. */
  add(lease: string): void {
    if (lease === '0' || this.#waiting.length >= mostWaiting) return
    this.#waiting.push(lease)
    if (this.#workers.size >= atOnce) return
    const worker = this.#work().finally(() => this.#workers.delete(worker))
    this.#workers.add(worker)
  }

  /** Waits for what can be revoked soon. */
  async close(): Promise<void> {
    await Promise.race([Promise.all(this.#workers), wait(closing, undefined, { ref: false })])
    this.#waiting.length = 0
  }

  /** What cannot be revoked now waits for the next lease that is spent. */
  async #work(): Promise<void> {
    for (let lease = this.#waiting.pop(); lease !== undefined; lease = this.#waiting.pop()) {
      try {
        await this.#revoke(lease)
      } catch (error) {
        if (/lease not found|expired or revoked/.test(String(error))) continue
        this.#waiting.unshift(lease)
        return
      }
    }
  }
}
