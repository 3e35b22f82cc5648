import type { RedisClientOptions } from '@redis/client'
import { StoreError } from '../../core/store/errors.ts'
import { addressOf, asBuffers, type Command, type NodeRedis, RedisConnection } from './redis-connection.ts'
import {
  type ConnectionSettings,
  isReply,
  type ListenerPlan,
  type RedisServers,
  refusal,
  type Send,
} from './redis-servers.ts'
import { redirectionOf, type SlotRange, slotCount, slotOf, slotRanges } from './redis-slots.ts'

export interface RedisClusterNodes {
  /** Some of the nodes, by url or by socket; the others are found through them. */
  readonly rootNodes: readonly RedisClientOptions[]
  /** User, password, TLS of every node. Default: those in the first root node's url. */
  readonly defaults?: RedisClientOptions | undefined
}

/** Redirections that one command follows. */
const longestWay = 5
/** Milliseconds between looks at a cluster in which something is amiss. */
const lookAgain = 500

/**
 * A cluster. node-redis has a client for one, which waits for a lost node and does not ask who has its slots now; here
 * what belongs to a lost node rejects at once until the cluster names another.
 */
export function clusterServers(nodes: RedisClusterNodes, settings: ConnectionSettings): RedisServers {
  return new Cluster(nodes, settings)
}

class Cluster implements RedisServers {
  readonly isCluster = true
  readonly #roots: readonly RedisClientOptions[]
  readonly #defaults: RedisClientOptions
  readonly #settings: ConnectionSettings
  readonly #masters = new Map<string, RedisConnection>()
  readonly #owners: (RedisConnection | undefined)[] = new Array(slotCount).fill(undefined)
  /** Where the cluster is asked who has which slots. */
  readonly #guide: RedisConnection
  #looking: NodeJS.Timeout | undefined
  #isClosed = false

  constructor(nodes: RedisClusterNodes, settings: ConnectionSettings) {
    this.#roots = nodes.rootNodes
    this.#defaults = nodes.defaults ?? {}
    this.#settings = settings
    this.#guide = new RedisConnection({
      what: 'The Redis cluster',
      candidates: () => this.#candidates(),
      ...settings,
      prepare: (client, options) => this.#look(client, addressOf(options)),
      lost: () => this.#lookSoon(),
    })
  }

  async open(): Promise<void> {
    await this.#guide.open()
    const attempts = await Promise.allSettled([...this.#masters.values()].map((master) => master.open()))
    // Without one of its masters it does most of its work.
    const failed = attempts.find((attempt) => attempt.status === 'rejected')
    if (failed !== undefined && attempts.every(({ status }) => status === 'rejected')) throw failed.reason
  }

  async send(key: string, command: Command): Promise<unknown> {
    const slot = slotOf(key)
    let connection = this.#owners[slot]
    let isAsking = false
    for (let way = 0; ; way++) {
      try {
        if (connection === undefined) throw new StoreError('No node of the Redis cluster has the slot of this key now')
        // One right after the other, or the node forgets that it was asked.
        const asked = isAsking ? connection.send(['ASKING']).catch(() => {}) : undefined
        const sent = connection.send(command)
        await asked
        return await sent
      } catch (error) {
        const redirection = connection && redirectionOf(error, hostOf(connection.address))
        if (redirection === undefined || way === longestWay) {
          if (error instanceof StoreError || isReply(error, 'CLUSTERDOWN')) this.#lookSoon()
          throw refusal(command, error, this.#settings.secrets)
        }
        connection = this.#master(redirection.address)
        isAsking = !redirection.isForGood
        if (redirection.isForGood) {
          this.#owners[slot] = connection
          this.#lookSoon()
        }
        await connection.open().catch(() => {})
      }
    }
  }

  each(): readonly Send[] {
    return [...new Set(this.#owners)].map((owner) => {
      if (owner === undefined) throw new StoreError('Some slots of the Redis cluster belong to no node now')
      return (command) =>
        owner.send(command).catch((error) => {
          throw refusal(command, error, this.#settings.secrets)
        })
    })
  }

  listener(plan: ListenerPlan): RedisConnection {
    return new RedisConnection({
      what: 'The Redis cluster',
      // Whoever asks for subscriptions before anything else needs the masters found first.
      candidates: () => this.#candidates(),
      ...this.#settings,
      ...plan,
    })
  }

  async close(): Promise<void> {
    this.#isClosed = true
    clearTimeout(this.#looking)
    await Promise.all([this.#guide, ...this.#masters.values()].map((connection) => connection.close()))
  }

  /** Masters known, connected ones first, and the roots. */
  #candidates(): RedisClientOptions[] {
    const known = [...this.#masters].sort(([, a], [, b]) => Number(b.isConnected) - Number(a.isConnected))
    return [
      ...known.map(([address]) => this.#at(address)),
      ...this.#roots.map((root) => withDefaults(root, this.#defaults)),
    ]
  }

  async #look(client: NodeRedis, address: string): Promise<void> {
    const ranges = slotRanges(await client.sendCommand(['CLUSTER', 'SLOTS'], asBuffers), hostOf(address))
    if (ranges.length === 0) throw new StoreError('The cluster has given its slots to no node yet')
    if (this.#isClosed) return
    this.#owners.fill(undefined)
    for (const range of ranges) this.#take(range)
    const inUse = new Set(this.#owners)
    for (const [at, connection] of this.#masters) {
      if (inUse.has(connection)) continue
      this.#masters.delete(at)
      connection.close().catch(() => {})
    }
  }

  #take({ from, to, address }: SlotRange): void {
    this.#owners.fill(this.#master(address), from, to + 1)
  }

  #master(address: string): RedisConnection {
    const known = this.#masters.get(address)
    if (known !== undefined) return known
    const connection = new RedisConnection({
      what: 'The Redis node',
      candidates: () => [this.#at(address)],
      ...this.#settings,
      lost: () => this.#lookSoon(),
    })
    this.#masters.set(address, connection)
    connection.open().catch(() => this.#lookSoon())
    return connection
  }

  /** Asks the cluster again and again, until every master is connected. */
  #lookSoon(): void {
    if (this.#isClosed || this.#looking !== undefined) return
    this.#looking = setTimeout(async () => {
      if (this.#guide.isConnected) await this.#look(this.#guide.client, this.#guide.address).catch(() => {})
      this.#looking = undefined
      if ([...this.#masters.values()].some((master) => !master.isConnected)) this.#lookSoon()
    }, lookAgain).unref()
  }

  #at(address: string): RedisClientOptions {
    const colon = address.lastIndexOf(':')
    const place = { host: address.slice(0, colon), port: Number(address.slice(colon + 1)) }
    return withDefaults({ socket: place }, this.#defaults)
  }
}

function withDefaults(options: RedisClientOptions, defaults: RedisClientOptions): RedisClientOptions {
  return {
    ...defaults,
    ...options,
    socket: { ...defaults.socket, ...options.socket } as RedisClientOptions['socket'] & {},
  }
}

function hostOf(address: string): string {
  return address.slice(0, address.lastIndexOf(':'))
}
