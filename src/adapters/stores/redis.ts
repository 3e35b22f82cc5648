import type { RedisClientOptions } from '@redis/client'
import { duration, quote } from '../../core/options.ts'
import { knownRemoteOptions, type RemoteStore, type RemoteStoreOptions, remoteStore } from '../../core/store/remote.ts'
import { clusterServers, type RedisClusterNodes } from './redis-cluster.ts'
import { redisBackend } from './redis-commands.ts'
import { injectedServers, isRedisHandle, type RedisHandle } from './redis-injected.ts'
import { type RedisSentinelNodes, sentinelServer } from './redis-sentinel.ts'
import { type ConnectionSettings, type RedisServers, singleServer } from './redis-servers.ts'

export type { RedisClusterNodes } from './redis-cluster.ts'
export type {
  RedisClientHandle,
  RedisClusterHandle,
  RedisHandle,
  RedisSentinelHandle,
} from './redis-injected.ts'
export type { RedisSentinelNodes } from './redis-sentinel.ts'

/** One of `url`, `client`, `cluster`, `sentinel`, and what else there is to say. */
export interface RedisStoreOptions extends RemoteStoreOptions {
  /** `redis[s]://[[user][:password]@]host[:port][/database]`, with `rediss` for TLS. `valkey[s]` is the same. */
  readonly url?: string | undefined
  /**
   * A client, cluster or sentinel that node-redis made, for what cannot be said here, such as certificates or mapped
   * addresses. It must be connected, and is not closed with the store. How long it keeps calls waiting is up to it.
   */
  readonly client?: RedisHandle | undefined
  readonly cluster?: RedisClusterNodes | undefined
  readonly sentinel?: RedisSentinelNodes | undefined
  /** Milliseconds to wait for a connection. Default 2000. */
  readonly connectTimeout?: number | undefined
}

const places = ['url', 'client', 'cluster', 'sentinel'] as const

/**
 * A store on Redis or Valkey: one server, a cluster, or what sentinels watch. Needs the package `@redis/client`, which
 * is part of `redis`. While there is no connection every call rejects at once, and it connects again by itself.
 *
 * @throws TypeError or RangeError for an option it cannot use.
 */
export function redisStore(options: RedisStoreOptions): RemoteStore {
  knownRemoteOptions('redisStore', options, [...places, 'connectTimeout'])
  return remoteStore('redis', redisBackend(serversOf(options ?? {})), options)
}

function serversOf(options: RedisStoreOptions): RedisServers {
  const given = places.filter((place) => options[place] !== undefined)
  if (given.length !== 1) {
    const found = given.length === 0 ? 'none of them' : given.join(' and ')
    throw new TypeError(
      `redisStore needs one of ${places.join(', ')}, not ${found}; for example { url: 'redis://127.0.0.1:6379' }`,
    )
  }
  const connectTimeout = duration('connectTimeout', options.connectTimeout, 2000)
  const { url, client, cluster, sentinel } = options
  if (url !== undefined) {
    const server = withUrl('url', { url })
    return singleServer(server, { connectTimeout, secrets: secretsOf([server]) })
  }
  if (cluster !== undefined) return ofCluster(cluster, connectTimeout)
  if (sentinel !== undefined) return ofSentinel(sentinel, connectTimeout)
  if (isRedisHandle(client)) return injectedServers(client, { connectTimeout, secrets: [] })
  throw new TypeError(
    `client must be what createClient, createCluster or createSentinel returned, not ${quote(client)}`,
  )
}

function ofCluster(cluster: RedisClusterNodes, connectTimeout: number): RedisServers {
  if (!Array.isArray(cluster?.rootNodes) || cluster.rootNodes.length === 0) {
    throw new TypeError(`cluster.rootNodes must be a list such as [{ url: 'redis://10.0.0.1:6379' }]`)
  }
  const rootNodes = cluster.rootNodes.map((node: RedisClientOptions) => withUrl('cluster.rootNodes', node))
  const defaults = cluster.defaults ?? ofEveryNode(rootNodes[0] as RedisClientOptions)
  const settings: ConnectionSettings = { connectTimeout, secrets: secretsOf([...rootNodes, defaults]) }
  return clusterServers({ rootNodes, defaults }, settings)
}

function ofSentinel(sentinel: RedisSentinelNodes, connectTimeout: number): RedisServers {
  if (typeof sentinel?.name !== 'string' || sentinel.name === '') {
    throw new TypeError(`sentinel.name must be what the sentinels call the master, not ${quote(sentinel?.name)}`)
  }
  const roots: unknown = sentinel.sentinelRootNodes
  if (!Array.isArray(roots) || roots.length === 0 || !roots.every(isPlace)) {
    throw new TypeError(`sentinel.sentinelRootNodes must be a list such as [{ host: '10.0.0.1', port: 26379 }]`)
  }
  const secrets = secretsOf([sentinel.nodeClientOptions ?? {}, sentinel.sentinelClientOptions ?? {}])
  return sentinelServer(sentinel, { connectTimeout, secrets })
}

function isPlace(node: unknown): boolean {
  const { host, port } = Object(node) as { host?: unknown; port?: unknown }
  return typeof host === 'string' && Number.isInteger(port)
}

/** Options with their url taken apart, so that node-redis finds nothing wrong with it later. */
function withUrl(name: string, options: RedisClientOptions): RedisClientOptions {
  const { url, ...rest } = Object(options) as RedisClientOptions
  if (url === undefined) return rest
  const { hostname, port, protocol, username, password, pathname } = parsed(name, url)
  const database = Number(pathname.slice(1))
  const tls = protocol === 'rediss:' || protocol === 'valkeys:'
  const socket = {
    ...rest.socket,
    host: hostname.replace(/^\[(.*)\]$/, '$1'),
    port: Number(port || 6379),
    ...(tls && { tls }),
  }
  return {
    ...rest,
    socket: socket as RedisClientOptions['socket'] & {},
    ...(username !== '' && { username: decodeURIComponent(username) }),
    ...(password !== '' && { password: decodeURIComponent(password) }),
    ...(database !== 0 && { database }),
  }
}

function parsed(name: string, url: unknown): URL {
  const shown = typeof url === 'string' ? quote(url.replace(/^(\w+:\/\/)?.*@/s, '$1***@')) : quote(url)
  const wrong = new TypeError(`${name} must be redis://host:port or rediss://host:port, not ${shown}`)
  if (typeof url !== 'string' || !URL.canParse(url)) throw wrong
  const parts = new URL(url)
  if (!/^(redis|valkey)s?:$/.test(parts.protocol) || parts.hostname === '') throw wrong
  if (!/^\/?\d*$/.test(parts.pathname)) throw wrong
  try {
    decodeURIComponent(parts.username + parts.password)
  } catch {
    throw new TypeError(`${name} has a user or password whose % is not followed by two hexadecimal digits`)
  }
  return parts
}

/** A node that another one named is reached as the first was. */
function ofEveryNode({ username, password, socket }: RedisClientOptions): RedisClientOptions {
  const { tls } = (socket ?? {}) as { tls?: boolean }
  return {
    ...(username !== undefined && { username }),
    ...(password !== undefined && { password }),
    ...(tls === true && { socket: { tls } as RedisClientOptions['socket'] & {} }),
  }
}

function secretsOf(options: readonly RedisClientOptions[]): string[] {
  const passwords = options.flatMap(({ password }) => (password ? [password] : []))
  return [...new Set(passwords.flatMap((password) => [password, encodeURIComponent(password)]))]
}
