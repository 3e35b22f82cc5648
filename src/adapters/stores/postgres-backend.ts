import { randomBytes } from 'node:crypto'
import type { StoreCapabilities } from '../../core/store/capabilities.ts'
import { StoreError, storeError } from '../../core/store/errors.ts'
import type { ByteBackend } from '../../core/store/remote.ts'
import { type PostgresClient, sqlState } from './postgres-client.ts'
import type { PostgresConnections } from './postgres-connections.ts'
import { copyBytes } from './postgres-copy.ts'
import { PostgresSubscriptions } from './postgres-subscriptions.ts'
import { ensureTables, isMissingTable, type PostgresTableOptions, tablesOf } from './postgres-tables.ts'

/** Rows that one statement removes at most, so that none takes long. */
const rowsAtOnce = 500
/** Of expired rows, the statements in one sweep; what is left waits for the next. */
const batchesAtOnce = 200
/** Bytes that PostgreSQL takes for one notification. */
const longestMessage = 7999
/** A deadlock, or that transactions come between each other, where the database isolates them more than by default. */
const conflicts: ReadonlySet<string | undefined> = new Set(['40P01', '40001'])
const attemptsInConflict = 50
/** Above whatever a key has in it. */
const aboveKeys = '\x7f'

/** Bytes and all capabilities on two tables. Time is the server's, so that a whole fleet agrees about it. */
export class PostgresBackend implements ByteBackend {
  readonly capabilities: StoreCapabilities
  /** pg copies them into its messages. */
  readonly givesBytesBack = true
  readonly #connections: PostgresConnections
  readonly #options: PostgresTableOptions
  readonly #sql: Statements
  readonly #sweepInterval: number
  readonly #subscriptions: PostgresSubscriptions
  #sweeping: NodeJS.Timeout | undefined
  #isClosed = false

  /** `sweepInterval` in ms. */
  constructor(connections: PostgresConnections, options: PostgresTableOptions, sweepInterval: number) {
    const { table, items, identity } = tablesOf(options)
    this.#connections = connections
    this.#options = options
    this.#sql = statements(table, items)
    this.#sweepInterval = sweepInterval
    this.#subscriptions = new PostgresSubscriptions(connections, identity)
    this.capabilities = this.#capabilities()
  }

  async open(): Promise<void> {
    await this.#connections.run((client) => ensureTables(client, this.#options))
    if (!this.#isClosed && this.#sweeping === undefined) this.#sweepLater()
  }

  async get(key: string): Promise<Buffer | undefined> {
    const [value] = await this.#run((client) => copyBytes(client, this.#sql.get(client.escapeLiteral(key))))
    return value
  }

  async set(key: string, bytes: Buffer, lifetime: number): Promise<void> {
    await this.#query(this.#sql.set, [key, bytes, milliseconds(lifetime)])
  }

  async delete(keys: readonly string[]): Promise<void> {
    await this.#query(this.#sql.delete, [keys])
  }

  async clear(prefix: string): Promise<void> {
    for (const statement of [this.#sql.clear, this.#sql.clearItems]) {
      while ((await this.#count(statement, [prefix, prefix + aboveKeys, rowsAtOnce])) > 0);
    }
  }

  async close(): Promise<void> {
    this.#isClosed = true
    clearTimeout(this.#sweeping)
    await Promise.all([this.#subscriptions.close(), this.#connections.close()])
  }

  #capabilities(): StoreCapabilities {
    return {
      scope: 'cluster',
      read: (key) => this.get(key),
      increment: async (key, by, lifetime) => {
        const [row] = await this.#query<{ sum: string }>(this.#sql.increment, [key, by, milliseconds(lifetime)])
        return Number(row?.sum)
      },
      setIfAbsent: async (key, value, lifetime) =>
        (await this.#count(this.#sql.setIfAbsent, [key, value, milliseconds(lifetime)])) > 0,
      compareAndSwap: async (key, expected, next, lifetime) => {
        if (next === undefined) return (await this.#count(this.#sql.deleteIf, [key, expected])) > 0
        return (await this.#count(this.#sql.setIf, [key, expected, next, milliseconds(lifetime)])) > 0
      },
      append: async (key, value, lifetime) => {
        const values = [key, randomBytes(9), milliseconds(lifetime), value]
        const [row] = await this.#query<{ length: number }>(this.#sql.append, values)
        return row?.length ?? 0
      },
      slice: (key, from) =>
        this.#run((client) => copyBytes(client, this.#sql.slice(client.escapeLiteral(key), Math.max(0, from)))),
      publish: async (channel, text) => {
        if (Buffer.byteLength(text) > longestMessage || text.includes('\0')) {
          throw new StoreError(`PostgreSQL takes messages of at most ${longestMessage} bytes, without zero characters`)
        }
        await this.#query('SELECT pg_notify($1, $2)', [this.#subscriptions.channelOf(channel), text])
      },
      subscribe: (channel, subscriber) => this.#subscriptions.subscribe(channel, subscriber),
    }
  }

  async #query<Row>(text: string, values: unknown[]): Promise<readonly Row[]> {
    const { rows } = await this.#run((client) => client.query(text, values))
    return rows as Row[]
  }

  /** How many rows a statement returned or changed. */
  async #count(text: string, values: unknown[]): Promise<number> {
    const { rowCount } = await this.#run((client) => client.query(text, values))
    return rowCount ?? 0
  }

  async #run<T>(work: (client: PostgresClient) => Promise<T>): Promise<T> {
    try {
      return await this.#tried(work)
    } catch (error) {
      if (error instanceof StoreError) throw error
      throw storeError(sqlState(error) ? 'PostgreSQL refused a statement' : 'PostgreSQL did not answer', error)
    }
  }

  async #tried<T>(work: (client: PostgresClient) => Promise<T>): Promise<T> {
    for (let attempt = 1; ; attempt++) {
      try {
        return await this.#connections.run(work)
      } catch (error) {
        // Tables may be missing because somebody has dropped them, or restored a database without them.
        if (attempt === 1 && isMissingTable(error)) await this.open()
        else if (attempt === attemptsInConflict || !conflicts.has(sqlState(error))) throw error
      }
    }
  }

  /** At somewhat different times in each process. */
  #sweepLater(): void {
    const wait = this.#sweepInterval * (0.75 + Math.random() / 2)
    this.#sweeping = setTimeout(() => void this.#sweep(), wait).unref()
  }

  async #sweep(): Promise<void> {
    try {
      for (const statement of [this.#sql.sweep, this.#sql.sweepItems]) {
        for (let batch = 0; batch < batchesAtOnce && !this.#isClosed; batch++) {
          if ((await this.#count(statement, [rowsAtOnce])) < rowsAtOnce) break
        }
      }
    } catch {
      // The next sweep will do it.
    }
    if (!this.#isClosed) this.#sweepLater()
  }
}

/** PostgreSQL has no number without end for an interval: null stands for it. */
function milliseconds(lifetime: number): number | null {
  return lifetime === Infinity ? null : lifetime
}

interface Statements {
  get(key: string): string
  slice(key: string, from: number): string
  readonly set: string
  readonly delete: string
  readonly clear: string
  readonly clearItems: string
  readonly increment: string
  readonly setIfAbsent: string
  readonly setIf: string
  readonly deleteIf: string
  readonly append: string
  readonly sweep: string
  readonly sweepItems: string
}

/** `now()` is when the statement came in. What has expired counts as absent until it is swept. */
function statements(table: string, items: string): Statements {
  const expiry = (place: number) => `coalesce(now() + $${place}::float8 * interval '1 ms', 'infinity')`
  const upsert = `INSERT INTO ${table} AS kept (key, value, expires) VALUES`
  const replace = 'value = excluded.value, expires = excluded.expires, length = NULL'
  return {
    get: (key) => `SELECT value FROM ${table} WHERE key = ${key} AND expires > now()`,
    set: `${upsert} ($1, $2, ${expiry(3)}) ON CONFLICT (key) DO UPDATE SET ${replace}`,
    delete: `DELETE FROM ${table} WHERE key = ANY($1)`,
    clear: `WITH found AS (SELECT key FROM ${table} WHERE key >= $1 AND key < $2 LIMIT $3),
      gone AS (DELETE FROM ${table} WHERE key = ANY(ARRAY(SELECT key FROM found)))
      SELECT key FROM found`,
    clearItems: `WITH found AS (SELECT DISTINCT key FROM ${items} WHERE key >= $1 AND key < $2 LIMIT $3),
      gone AS (DELETE FROM ${items} WHERE key = ANY(ARRAY(SELECT key FROM found)))
      SELECT key FROM found`,
    increment: `${upsert} ($1, convert_to($2::bigint::text, 'UTF8'), ${expiry(3)})
      ON CONFLICT (key) DO UPDATE SET expires = excluded.expires, length = NULL, value =
        CASE WHEN kept.expires > now()
        THEN convert_to((convert_from(kept.value, 'UTF8')::bigint + $2::bigint)::text, 'UTF8')
        ELSE excluded.value END
      RETURNING convert_from(value, 'UTF8') AS sum`,
    setIfAbsent: `${upsert} ($1, $2, ${expiry(3)})
      ON CONFLICT (key) DO UPDATE SET ${replace} WHERE kept.expires <= now()`,
    setIf: `UPDATE ${table} SET value = $3, expires = ${expiry(4)} WHERE key = $1 AND value = $2 AND expires > now()`,
    deleteIf: `DELETE FROM ${table} WHERE key = $1 AND value = $2 AND expires > now()`,
    // The row of the list holds its length and a name, which its values have: those of a list that has expired are not
    // those of one that begins anew. Whoever appends has that row to itself until its value is in.
    append: `WITH list AS (
        INSERT INTO ${table} AS kept (key, value, expires, length) VALUES ($1, $2, ${expiry(3)}, 1)
        ON CONFLICT (key) DO UPDATE SET expires = excluded.expires,
          value = CASE WHEN kept.expires > now() THEN kept.value ELSE excluded.value END,
          length = CASE WHEN kept.expires > now() THEN kept.length + 1 ELSE 1 END
        RETURNING value AS name, length)
      INSERT INTO ${items} (key, list, place, value) SELECT $1, name, length - 1, $4 FROM list
      RETURNING place + 1 AS length`,
    slice: (key, from) => `SELECT i.value FROM ${table} AS t JOIN ${items} AS i ON i.key = t.key AND i.list = t.value
      WHERE t.key = ${key} AND t.expires > now() AND i.place >= ${from} ORDER BY i.place`,
    // Skips rows that another process is removing. As an array, so that it is looked up once and the limit holds.
    sweep: `DELETE FROM ${table} WHERE key = ANY(ARRAY(
      SELECT key FROM ${table} WHERE expires <= now() LIMIT $1 FOR UPDATE SKIP LOCKED))`,
    // Values of lists that are gone. As a comparison, for a join may go through all keys.
    sweepItems: `DELETE FROM ${items} WHERE ctid = ANY(ARRAY(
      SELECT i.ctid FROM ${items} AS i
      WHERE i.list IS DISTINCT FROM (SELECT t.value FROM ${table} AS t WHERE t.key = i.key)
      LIMIT $1 FOR UPDATE SKIP LOCKED))`,
  }
}
