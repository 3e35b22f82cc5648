import { quote } from '../../core/options.ts'
import { StoreError, storeError } from '../../core/store/errors.ts'
import { type PostgresClient, sqlState } from './postgres-client.ts'

/** The table of keys and the table of what is in lists, quoted and with their schema. */
export interface PostgresTables {
  readonly table: string
  readonly items: string
  /** Whatever else is told apart by these tables. */
  readonly identity: string
}

export interface PostgresTableOptions {
  /** Up to 48 letters, digits, `_` and `-`. A second table has the same name and `_items` after it. Default `breakwater`. */
  readonly table?: string | undefined
  /** Where they are. Default: what the search path of the connection says. */
  readonly schema?: string | undefined
}

/** With `_items_key` behind it, a name has at most the 63 bytes that PostgreSQL looks at. */
const usableName = /^[A-Za-z_][\w-]{0,47}$/
/** Any number that others are unlikely to lock with. */
const creationLock = 5_206_178_331_904_771n

const undefinedTable = '42P01'
const undefinedColumn = '42703'
const wrongKind = '42809'
const insufficientPrivilege = '42501'
const noSuchSchema = '3F000'

/** @throws TypeError for a name that is not plain. */
export function tablesOf(options: PostgresTableOptions): PostgresTables {
  const { table = 'breakwater', schema } = options
  checkName('table', table)
  if (schema !== undefined) checkName('schema', schema)
  const place = schema === undefined ? '' : `"${schema}".`
  return { table: `${place}"${table}"`, items: `${place}"${table}_items"`, identity: `${place}"${table}"` }
}

/**
 * The statements that make the tables, for a role that may: the store does so itself where its own role may.
 * The tables are UNLOGGED: a write costs half as much and nothing of it goes to replicas or backups, and after a crash
 * of the server, but not after an orderly restart, they are empty. `ALTER TABLE … SET LOGGED` on both changes that.
 *
 * @throws TypeError for a name that is not plain.
 */
export function postgresTables(options: PostgresTableOptions = {}): string {
  const { table = 'breakwater' } = options
  const tables = tablesOf(options)
  // Bodies are often compressed already: EXTERNAL spares the server from trying. The C collation compares bytes.
  return `CREATE UNLOGGED TABLE IF NOT EXISTS ${tables.table} (
  key text COLLATE "C" PRIMARY KEY,
  value bytea NOT NULL,
  expires timestamptz NOT NULL,
  length integer
);
ALTER TABLE ${tables.table} ALTER COLUMN value SET STORAGE EXTERNAL;
CREATE INDEX IF NOT EXISTS "${table}_expires" ON ${tables.table} (expires);
CREATE UNLOGGED TABLE IF NOT EXISTS ${tables.items} (
  key text COLLATE "C",
  list bytea,
  place integer,
  value bytea NOT NULL,
  PRIMARY KEY (key, list, place)
);
`
}

/** Makes the tables where they are missing, once, however many processes start. @throws StoreError that says what to do. */
export async function ensureTables(client: PostgresClient, options: PostgresTableOptions): Promise<void> {
  const tables = tablesOf(options)
  try {
    // A role without the right to create may not even say IF NOT EXISTS.
    if (await areThere(client, tables)) return
    // Several statements in one message are one transaction, at whose end the lock is released.
    await client.query(`SELECT pg_advisory_xact_lock(${creationLock});\n${postgresTables(options)}`)
    await areThere(client, tables)
  } catch (error) {
    throw explained(error, tables)
  }
}

export function isMissingTable(error: unknown): boolean {
  return sqlState(error) === undefinedTable
}

async function areThere(client: PostgresClient, { table, items }: PostgresTables): Promise<boolean> {
  try {
    await client.query(`SELECT key, value, expires, length FROM ${table} LIMIT 0`)
    await client.query(`SELECT key, list, place, value FROM ${items} LIMIT 0`)
    return true
  } catch (error) {
    if (isMissingTable(error)) return false
    throw error
  }
}

function explained(error: unknown, { table, items }: PostgresTables): unknown {
  switch (sqlState(error)) {
    case insufficientPrivilege:
      return storeError(
        `The role may not create or use the tables ${table} and ${items}: let another role run what postgresTables() ` +
          'returns and grant it SELECT, INSERT, UPDATE and DELETE on both',
        error,
      )
    case noSuchSchema:
      return storeError(`There is no schema for the table ${table}: create it, or set the option schema`, error)
    case undefinedColumn:
    case wrongKind:
      return storeError(`${table} or ${items} is not a table of this store: give the option table another name`, error)
    default:
      return sqlState(error) === undefined || error instanceof StoreError
        ? error
        : storeError(`The tables ${table} and ${items} cannot be used`, error)
  }
}

function checkName(option: string, name: unknown): void {
  if (typeof name === 'string' && usableName.test(name)) return
  throw new TypeError(
    `${option} must be a letter or _ and up to 47 letters, digits, _ or - after it, not ${quote(name)}`,
  )
}
