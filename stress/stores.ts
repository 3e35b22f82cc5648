/** The stores that can be put under stress, and the servers they need. */
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { Store } from '../src/core/store/store.ts'
import { startEtcd } from '../test/support/etcd.ts'
import { startMemcached } from '../test/support/memcached.ts'
import { startPostgres } from '../test/support/postgres.ts'
import { findProgram, startRedis } from '../test/support/servers.ts'

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
  open(address: string): Promise<Store>
}

const kinds = {
  redis: {
    program: 'redis-server',
    start: async () => ofServer(await startRedis(), ({ url }) => url),
    open: async (url) => (await import('../src/adapters/stores/redis.ts')).redisStore({ url }),
  },
  memcached: {
    program: 'memcached',
    start: async () => ofServer(await startMemcached(), ({ address }) => address),
    open: async (server) => (await import('../src/adapters/stores/memcached.ts')).memcachedStore({ servers: [server] }),
  },
  postgres: {
    program: 'initdb',
    start: async () => ofServer(await startPostgres(), ({ url }) => url),
    open: async (url) => (await import('../src/adapters/stores/postgres.ts')).postgresStore({ url }),
  },
  etcd: {
    program: 'etcd',
    start: async () => ofServer(await startEtcd(), ({ url }) => url),
    open: async (host) => (await import('../src/adapters/stores/etcd.ts')).etcdStore({ hosts: [host] }),
  },
  sqlite: {
    start: async () => inFolder('cache.db'),
    open: async (path) => (await import('../src/adapters/stores/sqlite.ts')).sqliteStore({ path }),
  },
  disk: {
    start: async () => inFolder('cache'),
    open: async (folder) => (await import('../src/adapters/stores/disk.ts')).diskStore({ folder }),
  },
} satisfies Record<string, Kind>

export type StoreName = keyof typeof kinds
export const storeNames: readonly StoreName[] = Object.keys(kinds) as StoreName[]

/** The program that a store needs and this machine does not have. */
export function missingProgram(name: StoreName): string | undefined {
  const { program }: Kind = kinds[name]
  return program !== undefined && findProgram(program) === undefined ? program : undefined
}

export function startPlace(name: StoreName): Promise<Place> {
  return kinds[name].start()
}

export function openStore(name: StoreName, address: string): Promise<Store> {
  return kinds[name].open(address)
}

function ofServer<T extends Server & { stop(): Promise<void> }>(server: T, addressOf: (server: T) => string): Place {
  return { address: addressOf(server), server, stop: () => server.stop() }
}

function inFolder(name: string): Place {
  const folder = mkdtempSync(join(tmpdir(), 'breakwater-stress-'))
  const stop = async (): Promise<void> => rmSync(folder, { recursive: true, force: true })
  return { address: join(folder, name), server: undefined, stop }
}
