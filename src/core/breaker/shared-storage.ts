import type { StoreCapabilities } from '../store/capabilities.ts'
import { capabilitiesOf } from '../store/local-capabilities.ts'
import type { Store } from '../store/store.ts'
import { isTiered } from '../store/tiered.ts'
import type { BackgroundCalls } from './shared-calls.ts'

/** Where processes leave their board, and claim probes. Every method rejects where the store fails or is late. */
export interface SharedStorage {
  readonly mode: 'atomic' | 'settled'
  /** How long a claim takes at least, ms. */
  readonly settleTime: number
  read(): Promise<Buffer | undefined>
  /** Replaces what was read; false where another was quicker. Settled: always true, and another may have been. */
  write(before: Buffer | undefined, next: Buffer): Promise<boolean>
  /** Whether the holder alone has the claim of this name now. Asking again for one's own renews it. */
  claim(name: string): Promise<boolean>
  /** Whether it is still the holder's, who has it for as long as a new one from now on. */
  renew(name: string): Promise<boolean>
  /** Tells the others that there is something to read, where the store can. */
  announce(): Promise<void>
  /** Absent where the store cannot. Resolves with what ends it. */
  listen?(heard: () => void): Promise<() => Promise<void>>
}

interface StorageSettings {
  readonly namespace: string
  /** Who claims; no two have the same. */
  readonly holder: string
  readonly calls: BackgroundCalls
  /** ms. */
  readonly claimLifetime: number
  /** ms for one call. */
  readonly timeout: number
}

/** A board must outlive whatever an operator says, ms. */
const boardLifetime = 365 * 24 * 60 * 60 * 1000
/** How long writes of a claim may take to arrive until one looks whose stands, ms. */
const shortestSettleTime = 500

/**
 * The storage that a store allows. Of two tiers the far one: the near one is nobody else's. Capabilities decide; a near
 * store without any has those of this process.
 */
export function sharedStorage(store: Store, settings: StorageSettings): SharedStorage {
  const shared = isTiered(store) ? store.farTier : store
  const capabilities = shared.near ? capabilitiesOf(shared) : shared.capabilities
  return capabilities === undefined
    ? new SettledStorage(shared, settings)
    : new AtomicStorage(capabilities, settings, capabilities.subscribe !== undefined)
}

class AtomicStorage implements SharedStorage {
  readonly mode = 'atomic'
  readonly settleTime = 0
  readonly #capabilities: StoreCapabilities
  readonly #settings: StorageSettings
  readonly #token: Buffer
  readonly listen?: (heard: () => void) => Promise<() => Promise<void>>

  constructor(capabilities: StoreCapabilities, settings: StorageSettings, canListen: boolean) {
    this.#capabilities = capabilities
    this.#settings = settings
    this.#token = Buffer.from(settings.holder)
    if (canListen) this.listen = (heard) => this.#listen(heard)
  }

  read(): Promise<Buffer | undefined> {
    return this.#settings.calls.make(() => this.#capabilities.read(boardKey(this.#settings)))
  }

  write(before: Buffer | undefined, next: Buffer): Promise<boolean> {
    const key = boardKey(this.#settings)
    return this.#settings.calls.make(() =>
      before === undefined
        ? this.#capabilities.setIfAbsent(key, next, boardLifetime)
        : this.#capabilities.compareAndSwap(key, before, next, boardLifetime),
    )
  }

  async claim(name: string): Promise<boolean> {
    const { calls, claimLifetime } = this.#settings
    const key = claimKey(this.#settings, name)
    if (await calls.make(() => this.#capabilities.setIfAbsent(key, this.#token, claimLifetime))) return true
    // The reply to an earlier question may have been lost.
    return this.renew(name)
  }

  renew(name: string): Promise<boolean> {
    const key = claimKey(this.#settings, name)
    const { calls, claimLifetime } = this.#settings
    return calls.make(() => this.#capabilities.compareAndSwap(key, this.#token, this.#token, claimLifetime))
  }

  async announce(): Promise<void> {
    const { calls, holder } = this.#settings
    const { publish } = this.#capabilities
    if (publish === undefined) return
    await calls.make(() => publish.call(this.#capabilities, boardKey(this.#settings), holder))
  }

  async #listen(heard: () => void): Promise<() => Promise<void>> {
    const message = (by: string): void => {
      if (by !== this.#settings.holder) heard()
    }
    const subscriber = { message, connected: heard, lost() {} }
    const stop = await this.#capabilities.subscribe?.(boardKey(this.#settings), subscriber)
    return stop ?? (async () => {})
  }
}

/** On what can only get and set: a write may undo another's, so what was written is read again. */
class SettledStorage implements SharedStorage {
  readonly mode = 'settled'
  readonly settleTime: number
  readonly #store: Store
  readonly #settings: StorageSettings

  constructor(store: Store, settings: StorageSettings) {
    this.#store = store
    this.#settings = settings
    // Whoever found no claim before this one arrived has written within two calls.
    this.settleTime = Math.max(shortestSettleTime, 2 * settings.timeout)
  }

  read(): Promise<Buffer | undefined> {
    return this.#get(boardKey(this.#settings))
  }

  async write(_: Buffer | undefined, next: Buffer): Promise<boolean> {
    await this.#set(boardKey(this.#settings), next, boardLifetime)
    return true
  }

  async claim(name: string): Promise<boolean> {
    const key = claimKey(this.#settings, name)
    const { holder, claimLifetime } = this.#settings
    const found = await this.#get(key)
    if (found !== undefined && found.toString() !== holder) return false
    await this.#set(key, Buffer.from(holder), claimLifetime + this.settleTime)
    await new Promise((resolve) => setTimeout(resolve, this.settleTime).unref())
    return this.#isOwn(key)
  }

  async renew(name: string): Promise<boolean> {
    const key = claimKey(this.#settings, name)
    if (!(await this.#isOwn(key))) return false
    await this.#set(key, Buffer.from(this.#settings.holder), this.#settings.claimLifetime)
    return true
  }

  async announce(): Promise<void> {}

  async #isOwn(key: string): Promise<boolean> {
    return (await this.#get(key))?.toString() === this.#settings.holder
  }

  async #get(key: string): Promise<Buffer | undefined> {
    return (await this.#settings.calls.make(() => this.#store.get(key)))?.body
  }

  async #set(key: string, body: Buffer, lifetime: number): Promise<void> {
    await this.#settings.calls.make(() => this.#store.set(key, { meta: {}, body }, lifetime))
  }
}

/** With the number of the format: another one is another board. */
function boardKey({ namespace }: StorageSettings): string {
  return `breakers 1 ${namespace}`
}

function claimKey({ namespace }: StorageSettings, name: string): string {
  return `breaker probe ${namespace} ${name}`
}
