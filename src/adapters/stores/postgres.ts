import { systemClock } from '../../core/clock.ts'
import { clockOption, duration, positiveInteger, quote } from '../../core/options.ts'
import { knownRemoteOptions, type RemoteStore, type RemoteStoreOptions, remoteStore } from '../../core/store/remote.ts'
import { PostgresBackend } from './postgres-backend.ts'
import type { PostgresPool } from './postgres-client.ts'
import { type ConnectionSettings, PostgresConnections, type PostgresPlace } from './postgres-connections.ts'
import type { PostgresTableOptions } from './postgres-tables.ts'

export type { PostgresClient, PostgresPool, PostgresPooledClient } from './postgres-client.ts'
export { type PostgresTableOptions, postgresTables } from './postgres-tables.ts'

/** One of `url` and `pool`, and what else there is to say. */
export interface PostgresStoreOptions extends RemoteStoreOptions, PostgresTableOptions {
  /** `postgres://[user[:password]@]host[:port]/database[?sslmode=…]`. */
  readonly url?: string | undefined
  /** A `Pool` of `pg`. It is not ended with the store. Its `max` is how many statements we have under way. */
  readonly pool?: PostgresPool | undefined
  /** Connections at most, and one more for subscriptions. Default 10. Not for a `pool`. */
  readonly max?: number | undefined
  /** Milliseconds to wait for a connection, or for others who wait to get on. Default 2000. */
  readonly connectTimeout?: number | undefined
  /** Milliseconds until a statement without an answer is given up, with its connection. Default 5000. */
  readonly statementTimeout?: number | undefined
  /** Milliseconds between removals of rows that have expired. Default 60,000. */
  readonly sweepInterval?: number | undefined
}

const ownOptions = ['url', 'pool', 'table', 'schema', 'max', 'connectTimeout', 'statementTimeout', 'sweepInterval']

/**
 * A store on two tables of PostgreSQL, which it makes where they are missing (see `postgresTables`). Needs the package
 * `pg`. While there is no connection a call rejects at once or within `connectTimeout`, and it connects again by itself.
 *
 * @throws TypeError or RangeError for an option it cannot use.
 */
export function postgresStore(options: PostgresStoreOptions): RemoteStore {
  knownRemoteOptions('postgresStore', options, ownOptions)
  const given = options ?? {}
  const settings = {
    clock: clockOption('clock', given.clock, systemClock),
    connectTimeout: duration('connectTimeout', given.connectTimeout, 2000),
    statementTimeout: duration('statementTimeout', given.statementTimeout, 5000),
  }
  const sweepInterval = duration('sweepInterval', given.sweepInterval, 60_000)
  const connections = new PostgresConnections(placeOf(given), { ...settings, ...described(given.url) })
  return remoteStore('postgres', new PostgresBackend(connections, given, sweepInterval), given)
}

function placeOf({ url, pool, max }: PostgresStoreOptions): PostgresPlace {
  if ((url === undefined) === (pool === undefined)) {
    const found = url === undefined ? 'neither' : 'both'
    throw new TypeError(
      `postgresStore needs url or pool, not ${found}; for example { url: 'postgres://user@127.0.0.1:5432/database' }`,
    )
  }
  if (url !== undefined) return { url, max: positiveInteger('max', max, 10) }
  if (max !== undefined) throw new TypeError('max is the size of the pool of the store: leave it out beside pool')
  if (isPool(pool)) return { pool }
  throw new TypeError(`pool must be a Pool of the package pg, not ${quote(pool)}`)
}

function isPool(pool: unknown): pool is PostgresPool {
  const { connect, on, options } = Object(pool) as Partial<PostgresPool>
  return typeof connect === 'function' && typeof on === 'function' && typeof options === 'object'
}

/** How errors call the server. */
function described(url: unknown): Pick<ConnectionSettings, 'name' | 'secrets'> {
  if (url === undefined) return { name: 'PostgreSQL', secrets: [] }
  const { host, pathname, password, searchParams } = parsed(url)
  const secrets = [...secretsOf(password), ...searchParams.getAll('password')]
  return { name: `PostgreSQL at ${host}${pathname}`, secrets }
}

function parsed(url: unknown): URL {
  const shown = typeof url === 'string' ? quote(url.replace(/^(\w+:\/\/)?.*@/s, '$1***@')) : quote(url)
  const wrong = new TypeError(`url must be postgres://user@host:port/database, not ${shown}`)
  if (typeof url !== 'string' || !URL.canParse(url)) throw wrong
  const parts = new URL(url)
  const hasHost = parts.hostname !== '' || parts.searchParams.has('host')
  if (!/^postgres(ql)?:$/.test(parts.protocol) || !hasHost || !canDecode(parts.password)) throw wrong
  return parts
}

function canDecode(text: string): boolean {
  try {
    decodeURIComponent(text)
    return true
  } catch {
    return false
  }
}

function secretsOf(password: string): string[] {
  return password === '' ? [] : [...new Set([password, decodeURIComponent(password)])]
}
