/** The stores that processes of a fleet can share on this machine, and the servers they need. */
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { RedisSentinelNodes } from '../../src/adapters/stores/redis.ts'
import type { RemoteStore } from '../../src/core/store/remote.ts'
import { startEtcd } from './etcd.ts'
import { startMemcached } from './memcached.ts'
import { startPostgres } from './postgres.ts'
import { startRedisCluster } from './redis-cluster.ts'
import { startRedisSentinels } from './redis-sentinel.ts'
import { s3Bucket, s3Credentials, startS3, startS3Proxy } from './s3.ts'
import { findProgram, startRedis } from './servers.ts'

/** Where a store keeps what it has, and how that is troubled. */
export interface Place {
  /** What the store is opened with. */
  readonly address: string
  /** Undefined where there is no server that could fail. */
  readonly server: Server | undefined
  stop(): Promise<void>
}

export interface Server {
  kill(): Promise<void>
  restart(): Promise<void>
  /** Connections stay open, and nothing answers. */
  pause(): unknown
  resume(): unknown
}

interface Kind {
  /** Without it the store is left out. */
  readonly program?: string
  start(): Promise<Place>
  open(address: string): Promise<RemoteStore>
}

const kinds = {
  redis: {
    program: 'redis-server',
    start: async () => ofServer(await startRedis(), ({ url }) => url),
    open: async (url) => (await import('../../src/adapters/stores/redis.ts')).redisStore({ url }),
  },
  'redis-cluster': {
    program: 'redis-server',
    start: async () => {
      const { rootNodes, stop } = await startRedisCluster()
      return { address: JSON.stringify(rootNodes), server: undefined, stop }
    },
    open: async (nodes) => {
      const { redisStore } = await import('../../src/adapters/stores/redis.ts')
      return redisStore({ cluster: { rootNodes: JSON.parse(nodes) as { url: string }[] } })
    },
  },
  'redis-sentinel': {
    program: 'redis-server',
    start: async () => {
      const { name, sentinelRootNodes, master, stop } = await startRedisSentinels()
      return { address: JSON.stringify({ name, sentinelRootNodes }), server: master, stop }
    },
    open: async (sentinel) => {
      const { redisStore } = await import('../../src/adapters/stores/redis.ts')
      return redisStore({ sentinel: JSON.parse(sentinel) as RedisSentinelNodes })
    },
  },
  memcached: {
    program: 'memcached',
    start: async () => ofServer(await startMemcached(), ({ address }) => address),
    open: async (server) =>
      (await import('../../src/adapters/stores/memcached.ts')).memcachedStore({ servers: [server] }),
  },
  postgres: {
    program: 'initdb',
    start: async () => ofServer(await startPostgres(), ({ url }) => url),
    open: async (url) => (await import('../../src/adapters/stores/postgres.ts')).postgresStore({ url }),
  },
  etcd: {
    program: 'etcd',
    start: async () => ofServer(await startEtcd(), ({ url }) => url),
    open: async (host) => (await import('../../src/adapters/stores/etcd.ts')).etcdStore({ hosts: [host] }),
  },
  s3: {
    start: startS3Place,
    open: async (endpoint) => {
      const { s3Store } = await import('../../src/adapters/stores/s3.ts')
      return s3Store({ endpoint, bucket: s3Bucket, ...s3Credentials, conditionalWrites: true })
    },
  },
  sqlite: {
    start: async () => inFolder('cache.db'),
    open: async (path) => (await import('../../src/adapters/stores/sqlite.ts')).sqliteStore({ path }),
  },
  disk: {
    start: async () => inFolder('cache'),
    open: async (folder) => (await import('../../src/adapters/stores/disk.ts')).diskStore({ folder }),
  },
} satisfies Record<string, Kind>

export type StoreName = keyof typeof kinds
export const storeNames: readonly StoreName[] = Object.keys(kinds) as StoreName[]

/** The program that a store needs; `node` where it needs none. */
export function placeProgram(name: StoreName): string {
  const { program = 'node' }: Kind = kinds[name]
  return program
}

/** The program that a store needs and this machine does not have. */
export function missingProgram(name: StoreName): string | undefined {
  const program = placeProgram(name)
  return findProgram(program) === undefined ? program : undefined
}

export function startPlace(name: StoreName): Promise<Place> {
  return kinds[name].start()
}

export function openStore(name: StoreName, address: string): Promise<RemoteStore> {
  return kinds[name].open(address)
}

function ofServer<T extends Server & { stop(): Promise<void> }>(server: T, addressOf: (server: T) => string): Place {
  return { address: addressOf(server), server, stop: () => server.stop() }
}

/** Its conditional writes are EMULATED by a proxy: s3rver ignores them. */
async function startS3Place(): Promise<Place> {
  const server = await startS3()
  const proxy = await startS3Proxy(server.endpoint, { conditions: true })
  const stop = async (): Promise<void> => {
    await proxy.stop()
    await server.stop()
  }
  return { address: proxy.endpoint, server, stop }
}

function inFolder(name: string): Place {
  const folder = mkdtempSync(join(tmpdir(), 'breakwater-place-'))
  const stop = async (): Promise<void> => rmSync(folder, { recursive: true, force: true })
  return { address: join(folder, name), server: undefined, stop }
}
