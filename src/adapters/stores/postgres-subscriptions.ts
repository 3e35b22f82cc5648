import { hash } from 'node:crypto'
import type { Subscriber } from '../../core/store/capabilities.ts'
import { StoreError, storeError } from '../../core/store/errors.ts'
import { type PostgresLoneClient, within } from './postgres-client.ts'
import type { PostgresConnections } from './postgres-connections.ts'

/** Milliseconds between probes of a connection that only listens, and for the answer to one. */
const probeInterval = 5000
const answerWithin = 2000
/** Before a lost connection is made anew: the first wait and the longest, ms. */
const shortestWait = 50
const longestWait = 5000

interface Subscription {
  readonly channel: string
  readonly subscriber: Subscriber
  /** Whether the subscriber was told that it hears. */
  hears: boolean
}

/** LISTEN on a connection of its own, made for the first subscription, that comes back when it was lost. */
export class PostgresSubscriptions {
  readonly #connections: PostgresConnections
  readonly #identity: string
  readonly #subscriptions = new Set<Subscription>()
  #connecting: Promise<Listener> | undefined
  #listener: Listener | undefined
  #retry: NodeJS.Timeout | undefined
  #isClosed = false

  /** `identity` is a name that only stores on the same tables have. */
  constructor(connections: PostgresConnections, identity: string) {
    this.#connections = connections
    this.#identity = identity
  }

  /** The name of a channel is at most 63 bytes long, and shared by all of the database. */
  channelOf(channel: string): string {
    return `breakwater_${hash('sha256', `${this.#identity} ${channel}`, 'base64url')}`
  }

  /** Rejects where it cannot listen now; later losses are told to the subscriber, and made good. */
  async subscribe(name: string, subscriber: Subscriber): Promise<() => Promise<void>> {
    const subscription: Subscription = { channel: this.channelOf(name), subscriber, hears: false }
    this.#subscriptions.add(subscription)
    try {
      const listener = await this.#connected()
      await this.#hear(listener, subscription)
    } catch (error) {
      await this.#end(subscription)
      throw error instanceof StoreError ? error : storeError('PostgreSQL does not let us listen', error)
    }
    return () => this.#end(subscription)
  }

  async close(): Promise<void> {
    this.#isClosed = true
    clearTimeout(this.#retry)
    this.#subscriptions.clear()
    const listener = await this.#connecting?.catch(() => undefined)
    listener?.end()
  }

  #connected(): Promise<Listener> {
    if (this.#isClosed) return Promise.reject(new StoreError('The store was closed'))
    this.#connecting ??= this.#connect().catch((error: unknown) => {
      this.#connecting = undefined
      throw error
    })
    return this.#connecting
  }

  async #connect(): Promise<Listener> {
    const listener = new Listener(await this.#connections.lone(), {
      message: (channel, text) => this.#tell(channel, text),
      lost: () => this.#lost(listener),
    })
    this.#listener = listener
    return listener
  }

  async #hear(listener: Listener, subscription: Subscription): Promise<void> {
    await listener.query(`LISTEN "${subscription.channel}"`)
    // The connection may be lost again, the subscription ended, or another call have been faster.
    if (this.#listener !== listener) throw new StoreError('The connection to PostgreSQL was lost')
    if (!this.#subscriptions.has(subscription) || subscription.hears) return
    subscription.hears = true
    subscription.subscriber.connected()
  }

  async #end(subscription: Subscription): Promise<void> {
    this.#subscriptions.delete(subscription)
    const isShared = [...this.#subscriptions].some(({ channel }) => channel === subscription.channel)
    // Where it fails, the connection is gone and the subscription with it. Whoever subscribes later is heard later.
    if (!isShared) await this.#listener?.query(`UNLISTEN "${subscription.channel}"`).catch(() => {})
  }

  #tell(name: string, text: string): void {
    for (const { channel, subscriber } of this.#subscriptions) if (channel === name) subscriber.message(text)
  }

  #lost(listener: Listener): void {
    if (this.#listener !== listener) return
    this.#listener = undefined
    this.#connecting = undefined
    for (const subscription of this.#subscriptions) {
      if (!subscription.hears) continue
      subscription.hears = false
      subscription.subscriber.lost()
    }
    this.#reconnectLater(shortestWait)
  }

  #reconnectLater(wait: number): void {
    if (this.#isClosed) return
    clearTimeout(this.#retry)
    this.#retry = setTimeout(() => void this.#reconnect(wait), wait).unref()
  }

  async #reconnect(wait: number): Promise<void> {
    if (this.#subscriptions.size === 0) return
    try {
      const listener = await this.#connected()
      for (const subscription of this.#subscriptions) await this.#hear(listener, subscription)
    } catch {
      this.#reconnectLater(Math.min(wait * 2, longestWait))
    }
  }
}

interface ListenerEvents {
  message(channel: string, text: string): void
  /** Once. */
  lost(): void
}

/** A connection that listens, probed now and then: one that is silent may as well be dead. */
class Listener {
  readonly #client: PostgresLoneClient
  readonly #probing: NodeJS.Timeout
  readonly #lost: () => void
  #last: Promise<unknown> = Promise.resolve()
  #isLost = false

  constructor(client: PostgresLoneClient, { message, lost }: ListenerEvents) {
    this.#client = client
    this.#lost = lost
    client.on('notification', ({ channel, payload = '' }) => message(channel, payload))
    client.on('error', () => this.end())
    client.on('end', () => this.end())
    // Whoever only subscribes does not keep the process from ending.
    client.unref()
    this.#probing = setInterval(() => void this.query('SELECT 1').catch(() => {}), probeInterval).unref()
  }

  /** One after the other, for a client has room for one statement. */
  query(text: string): Promise<unknown> {
    const answer = this.#last.then(() => within(answerWithin, this.#client.query(text), 'PostgreSQL did not answer'))
    this.#last = answer.catch(() => this.end())
    return answer
  }

  end(): void {
    if (this.#isLost) return
    this.#isLost = true
    clearInterval(this.#probing)
    this.#client.end().catch(() => {})
    this.#lost()
  }
}
