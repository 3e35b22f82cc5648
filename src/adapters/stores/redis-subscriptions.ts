import type { Subscriber } from '../../core/store/capabilities.ts'
import type { NodeRedis, RedisConnection } from './redis-connection.ts'
import type { ListenerPlan } from './redis-servers.ts'

interface Subscription {
  readonly subscriber: Subscriber
  /** Whether the subscriber was told that it hears. */
  hears: boolean
}

/** Subscriptions on one connection of their own, made for the first of them, that come back with the connection. */
export class RedisSubscriptions {
  readonly #connect: (plan: ListenerPlan) => RedisConnection
  readonly #channels = new Map<string, Set<Subscription>>()
  #connection: RedisConnection | undefined

  constructor(connect: (plan: ListenerPlan) => RedisConnection) {
    this.#connect = connect
  }

  /** Rejects where it cannot subscribe now; later losses are told to the subscriber, and made good. */
  async subscribe(channel: string, subscriber: Subscriber): Promise<() => Promise<void>> {
    this.#connection ??= this.#connect({
      prepare: (client) => this.#resubscribe(client),
      connected: () => this.#each(hearing),
      lost: () => this.#each(deaf),
    })
    const connection = this.#connection
    await connection.open()
    const subscription: Subscription = { subscriber, hears: false }
    const end = (): Promise<void> => this.#end(channel, subscription)
    this.#add(channel, subscription)
    try {
      await connection.client.subscribe(channel, this.#hear)
    } catch (error) {
      await end()
      throw error
    }
    hearing(subscription)
    return end
  }

  async close(): Promise<void> {
    this.#channels.clear()
    await this.#connection?.close()
  }

  #add(channel: string, subscription: Subscription): void {
    const all = this.#channels.get(channel)
    if (all === undefined) this.#channels.set(channel, new Set([subscription]))
    else all.add(subscription)
  }

  async #end(channel: string, subscription: Subscription): Promise<void> {
    const all = this.#channels.get(channel)
    if (!all?.delete(subscription) || all.size > 0) return
    this.#channels.delete(channel)
    // Where it fails, the connection is gone and the subscription with it.
    if (this.#connection?.isConnected) await this.#connection.client.unsubscribe(channel).catch(() => {})
    if (this.#channels.has(channel)) await this.#connection?.client.subscribe(channel, this.#hear)
  }

  async #resubscribe(client: NodeRedis): Promise<void> {
    if (this.#channels.size > 0) await client.subscribe([...this.#channels.keys()], this.#hear)
  }

  readonly #hear = (text: string, channel: string): void => {
    for (const { subscriber } of this.#channels.get(channel) ?? []) subscriber.message(text)
  }

  #each(tell: (subscription: Subscription) => void): void {
    for (const subscriptions of this.#channels.values()) for (const subscription of subscriptions) tell(subscription)
  }
}

function hearing(subscription: Subscription): void {
  if (subscription.hears) return
  subscription.hears = true
  subscription.subscriber.connected()
}

function deaf(subscription: Subscription): void {
  if (!subscription.hears) return
  subscription.hears = false
  subscription.subscriber.lost()
}
