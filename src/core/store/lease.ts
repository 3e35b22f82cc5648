import { randomBytes } from 'node:crypto'
import type { StoreCapabilities } from './capabilities.ts'

/** What became of asking for a lease. */
export type LeaseAnswer =
  | { readonly type: 'granted'; readonly lease: Lease }
  /** Somebody has it, or left this note for those who would have liked it. */
  | { readonly type: 'taken'; readonly note: string | undefined }

const tokenMark = 'lease '
const noteMark = 'note '

/**
 * The right to do something alone among all who share a store, for `lifetime` ms, renewed until it is ended. A holder
 * that dies loses it within that time. It is a lease, not a lock: a holder that stands still for longer may find that
 * another has begun.
 */
export class Lease {
  readonly #capabilities: StoreCapabilities
  readonly #key: string
  readonly #token: Buffer
  readonly #renewal: NodeJS.Timeout
  #isLost = false

  constructor(capabilities: StoreCapabilities, key: string, token: Buffer, lifetime: number) {
    this.#capabilities = capabilities
    this.#key = key
    this.#token = token
    this.#renewal = setInterval(() => void this.#renew(lifetime), lifetime / 3)
    this.#renewal.unref()
  }

  async #renew(lifetime: number): Promise<void> {
    try {
      const { compareAndSwap } = this.#capabilities
      if (await compareAndSwap.call(this.#capabilities, this.#key, this.#token, this.#token, lifetime)) return
      this.#isLost = true
      this.#stop()
    } catch {
      // The store is gone for now: the next renewal may still come in time.
    }
  }

  /** Whether a renewal came too late: another may have it. */
  get isLost(): boolean {
    return this.#isLost
  }

  /** Gives it up, so that another may have it at once. Never rejects: what does not arrive ends by itself. */
  async release(): Promise<void> {
    this.#stop()
    await this.#capabilities.compareAndSwap(this.#key, this.#token, undefined, 1).catch(() => false)
  }

  /** Gives it up and tells those who ask within `lifetime` ms why they need not have it. Never rejects. */
  async leave(note: string, lifetime: number): Promise<void> {
    this.#stop()
    const value = Buffer.from(noteMark + note)
    await this.#capabilities.compareAndSwap(this.#key, this.#token, value, lifetime).catch(() => false)
  }

  #stop(): void {
    clearInterval(this.#renewal)
  }
}

/**
 * Asks for a lease of `lifetime` ms.
 *
 * @throws what the store rejects with.
 */
export async function askForLease(
  capabilities: StoreCapabilities,
  key: string,
  lifetime: number,
): Promise<LeaseAnswer> {
  const token = Buffer.from(tokenMark + randomBytes(12).toString('base64url'))
  if (await capabilities.setIfAbsent(key, token, lifetime)) {
    return { type: 'granted', lease: new Lease(capabilities, key, token, lifetime) }
  }
  const value = (await capabilities.read(key))?.toString()
  return { type: 'taken', note: value?.startsWith(noteMark) ? value.slice(noteMark.length) : undefined }
}
