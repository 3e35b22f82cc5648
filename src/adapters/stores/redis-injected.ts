import type { RedisClientOptions } from '@redis/client'
import { StoreError } from '../../core/store/errors.ts'
import { asBuffers, type Command, type CommandPart, RedisConnection } from './redis-connection.ts'
import { type ConnectionSettings, type ListenerPlan, type RedisServers, refusal, type Send } from './redis-servers.ts'

/** What createClient() of `redis` or `@redis/client` returns, connected. */
export interface RedisClientHandle {
  readonly isReady: boolean
  readonly options?: unknown
  sendCommand(command: CommandPart[], options?: object): Promise<unknown>
  on(event: string, listener: (error: Error) => void): unknown
}

/** What createCluster() returns, connected. */
export interface RedisClusterHandle {
  readonly isOpen: boolean
  readonly masters: readonly object[]
  nodeClient(node: never): Promise<RedisClientHandle>
  sendCommand(
    key: CommandPart | undefined,
    isReadonly: boolean | undefined,
    command: CommandPart[],
    options?: object,
  ): Promise<unknown>
  on(event: string, listener: (error: Error) => void): unknown
}

/** What createSentinel() returns, connected. */
export interface RedisSentinelHandle {
  readonly isReady: boolean
  getMasterNode(): unknown
  sendCommand(isReadonly: boolean | undefined, command: CommandPart[], options?: object): Promise<unknown>
  _execute(isReadonly: boolean | undefined, work: (client: RedisClientHandle) => Promise<unknown>): Promise<unknown>
  on(event: string, listener: (error: Error) => void): unknown
}

export type RedisHandle = RedisClientHandle | RedisClusterHandle | RedisSentinelHandle

/** Whether it looks like something that node-redis made. */
export function isRedisHandle(value: unknown): value is RedisHandle {
  const handle = value as Partial<RedisHandle> | null | undefined
  return typeof handle?.sendCommand === 'function' && typeof handle.on === 'function'
}

/** What differs between the three kinds of client. */
interface Ways {
  readonly isCluster: boolean
  isConnected(): boolean
  send(key: string, command: CommandPart[]): Promise<unknown>
  each(): readonly Send[]
  /** How the client reaches its server, for a connection beside it. */
  options(): Promise<unknown>
}

/** A client that somebody else made, connects and closes. */
export function injectedServers(handle: RedisHandle, settings: ConnectionSettings): RedisServers {
  // Without a listener, node-redis ends the process when a connection breaks.
  handle.on('error', () => {})
  return new Injected(waysOf(handle), settings)
}

class Injected implements RedisServers {
  readonly isCluster: boolean
  readonly #ways: Ways
  readonly #settings: ConnectionSettings

  constructor(ways: Ways, settings: ConnectionSettings) {
    this.isCluster = ways.isCluster
    this.#ways = ways
    this.#settings = settings
  }

  async open(): Promise<void> {
    if (!this.#ways.isConnected()) throw notConnected()
  }

  send(key: string, command: Command): Promise<unknown> {
    return this.#checked(command, (parts) => this.#ways.send(key, parts))
  }

  each(): readonly Send[] {
    return this.#ways.each().map((send) => (command) => this.#checked(command, send))
  }

  listener(plan: ListenerPlan): RedisConnection {
    const candidates = async (): Promise<RedisClientOptions[]> => {
      if (!this.#ways.isConnected()) throw notConnected()
      return [(await this.#ways.options()) as RedisClientOptions]
    }
    return new RedisConnection({ what: 'Redis', candidates, ...this.#settings, ...plan })
  }

  async close(): Promise<void> {}

  /** A client that is not connected would keep the command until it is. */
  #checked(command: Command, send: (parts: CommandPart[]) => Promise<unknown>): Promise<unknown> {
    if (!this.#ways.isConnected()) return Promise.reject(notConnected())
    return send(command as CommandPart[]).catch((error) => {
      throw refusal(command, error, this.#settings.secrets)
    })
  }
}

function waysOf(handle: RedisHandle): Ways {
  if ('nodeClient' in handle) return ofCluster(handle)
  if ('getMasterNode' in handle) return ofSentinel(handle)
  const send: Send = (command) => handle.sendCommand(command as CommandPart[], asBuffers)
  return {
    isCluster: false,
    isConnected: () => handle.isReady,
    send: (_key, command) => send(command),
    each: () => [send],
    options: async () => handle.options,
  }
}

function ofCluster(cluster: RedisClusterHandle): Ways {
  return {
    isCluster: true,
    isConnected: () => cluster.isOpen,
    send: (key, command) => cluster.sendCommand(key, false, command, asBuffers),
    each: () =>
      cluster.masters.map((master) => async (command) => {
        const node = await cluster.nodeClient(master as never)
        return node.sendCommand(command as CommandPart[], asBuffers)
      }),
    options: async () => (await cluster.nodeClient(cluster.masters[0] as never)).options,
  }
}

function ofSentinel(sentinel: RedisSentinelHandle): Ways {
  const send: Send = (command) => sentinel.sendCommand(false, command as CommandPart[], asBuffers)
  return {
    isCluster: false,
    isConnected: () => sentinel.isReady,
    send: (_key, command) => send(command),
    each: () => [send],
    options: () => sentinel._execute(false, async (client) => client.options),
  }
}

function notConnected(): StoreError {
  return new StoreError('The Redis client that redisStore was given is not connected; await its connect() first')
}
