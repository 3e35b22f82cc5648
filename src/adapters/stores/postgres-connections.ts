import type { Clock } from '../../core/clock.ts'
import { StoreError, storeError } from '../../core/store/errors.ts'
import {
  loadDriver,
  type PostgresClient,
  type PostgresDriver,
  type PostgresLoneClient,
  type PostgresPool,
  type PostgresPooledClient,
  sqlState,
  within,
} from './postgres-client.ts'
import { Turns } from './postgres-turns.ts'

/** Where PostgreSQL is: what the user gave. */
export type PostgresPlace = { readonly url: string; readonly max: number } | { readonly pool: PostgresPool }

export interface ConnectionSettings {
  readonly connectTimeout: number
  readonly statementTimeout: number
  readonly clock: Clock
  /** The place in words, without credentials. */
  readonly name: string
  /** What no error may contain. */
  readonly secrets: readonly string[]
}

/** Of `pg`, and how long an idle connection is kept, ms. */
const defaultPoolSize = 10
const idleTimeout = 60_000
/** Milliseconds after which a connection without traffic is probed, for routers forget those that are idle. */
const keepAliveDelay = 10_000
/** After a failure to connect, the first wait until it is tried again, and the longest, ms. */
const shortestWait = 50
const longestWait = 1000
const tooManyConnections = '53300'
/** The server has become a standby: a new connection may find the one that took its place. */
const readOnly = '25006'

/** The server could not be reached lately. */
interface Outage {
  readonly error: StoreError
  readonly wait: number
  readonly retryAt: number
  /** One caller finds out whether it is over; the others are told at once that it is not. */
  isProbed: boolean
}

/** Statements on a pool that waits neither for a server that is down nor for one that is frozen. */
export class PostgresConnections {
  readonly #place: PostgresPlace
  readonly #settings: ConnectionSettings
  readonly #turns: Turns
  #driver: Promise<PostgresDriver> | undefined
  #pool: PostgresPool | undefined
  #endPool: () => Promise<void> = async () => {}
  #outage: Outage | undefined
  #isClosed = false

  constructor(place: PostgresPlace, settings: ConnectionSettings) {
    this.#place = place
    this.#settings = settings
    const most = 'pool' in place ? (place.pool.options.max ?? defaultPoolSize) : place.max
    this.#turns = new Turns(most, settings.connectTimeout, settings.clock)
    // Even before the first call: the pool may be idle, and an error without a listener ends the process.
    if ('pool' in place) this.#use(place.pool)
  }

  /**
   * Does `work` on a connection. Rejects with the server's own error where it refused a statement.
   * A connection that fails, or does not answer in time, is ended.
   */
  async run<T>(work: (client: PostgresClient) => Promise<T>): Promise<T> {
    for (;;) {
      this.#refuseInOutage()
      await this.#turns.enter()
      try {
        return await this.#on(await this.#connected(), work)
      } catch (error) {
        // Others of this fleet have the rest of the connections; those we have will do.
        if (!(error instanceof Refused && this.#turns.shrink())) throw error
      } finally {
        this.#turns.leave()
      }
    }
  }

  /** A connection beside the pool. */
  async lone(): Promise<PostgresLoneClient> {
    const { Client } = await this.#loaded()
    if (this.#isClosed) throw new StoreError('The store was closed')
    const client = new Client(this.#loneSettings())
    client.on('error', () => {})
    try {
      await within(this.#settings.connectTimeout, client.connect(), 'it did not let us in')
      return client
    } catch (error) {
      client.end().catch(() => {})
      throw this.#unreachable(error)
    }
  }

  async close(): Promise<void> {
    if (this.#isClosed) return
    this.#isClosed = true
    this.#turns.close()
    if ('pool' in this.#place) this.#place.pool.off('error', ignore)
    await this.#endPool()
  }

  #refuseInOutage(): void {
    const outage = this.#outage
    if (outage && (outage.isProbed || this.#settings.clock.monotonic() < outage.retryAt)) throw outage.error
  }

  async #connected(): Promise<PostgresPooledClient> {
    this.#refuseInOutage()
    const before = this.#outage
    if (before) before.isProbed = true
    try {
      const pool = this.#pool ?? (await this.#createPool())
      const taken = pool.connect()
      const client = await within(this.#settings.connectTimeout, taken, 'it gave us no connection', (late) =>
        late.release(),
      )
      this.#outage = undefined
      return client
    } catch (error) {
      throw this.#failed(error, before)
    }
  }

  /** Of many who tried at once, the first one notes the outage. */
  #failed(error: unknown, before: Outage | undefined): StoreError {
    const reason = this.#unreachable(error)
    if (sqlState(error) === tooManyConnections && (this.#pool?.totalCount ?? 0) > 0) {
      this.#outage = undefined
      return new Refused(reason.message)
    }
    if (this.#outage === before) {
      const wait = before ? Math.min(before.wait * 2, longestWait) : shortestWait
      this.#outage = { error: reason, wait, retryAt: this.#settings.clock.monotonic() + wait, isProbed: false }
    }
    return reason
  }

  async #on<T>(client: PostgresPooledClient, work: (client: PostgresClient) => Promise<T>): Promise<T> {
    // The pool listens only while it has the client.
    client.on('error', ignore)
    let broken: Error | undefined
    try {
      return await within(this.#settings.statementTimeout, work(client), 'nothing came')
    } catch (error) {
      const state = sqlState(error)
      if (state === undefined || state === readOnly) broken = error as Error
      throw error
    } finally {
      client.release(broken)
      client.off('error', ignore)
    }
  }

  #unreachable(error: unknown): StoreError {
    if (error instanceof StoreError) return error
    const { name, secrets } = this.#settings
    return storeError(`${name} cannot be used: check that it runs, its address and the password`, error, secrets)
  }

  #use(pool: PostgresPool): PostgresPool {
    this.#pool = pool
    pool.on('error', ignore)
    return pool
  }

  #loaded(): Promise<PostgresDriver> {
    this.#driver ??= loadDriver()
    return this.#driver
  }

  async #createPool(): Promise<PostgresPool> {
    const driver = await this.#loaded()
    // Another caller may have been faster.
    if (this.#pool) return this.#pool
    if (this.#isClosed || 'pool' in this.#place) throw new StoreError('The store was closed')
    const pool = new driver.Pool({
      ...this.#ownSettings(this.#place.url),
      max: this.#place.max,
      idleTimeoutMillis: idleTimeout,
      allowExitOnIdle: true,
    })
    this.#endPool = () => pool.end()
    return this.#use(pool)
  }

  #loneSettings(): object {
    if ('url' in this.#place) return this.#ownSettings(this.#place.url)
    const settings = this.#place.pool.options as { password?: unknown }
    // The pool hides its password from copies.
    return { ...settings, password: settings.password, connectionTimeoutMillis: this.#settings.connectTimeout }
  }

  #ownSettings(url: string): {
    connectionString: string
    connectionTimeoutMillis: number
    keepAlive: boolean
    keepAliveInitialDelayMillis: number
    fallback_application_name: string
  } {
    return {
      connectionString: url,
      connectionTimeoutMillis: this.#settings.connectTimeout,
      keepAlive: true,
      keepAliveInitialDelayMillis: keepAliveDelay,
      fallback_application_name: 'breakwater',
    }
  }
}

/** The server has no connection to spare, while we have some. */
class Refused extends StoreError {}

function ignore(): void {}
