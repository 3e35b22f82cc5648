import type { DatabaseSync } from 'node:sqlite'
import { setTimeout as sleep } from 'node:timers/promises'
import type { Clock } from '../../core/clock.ts'
import { loadPeer, StoreError } from '../../core/store/errors.ts'
import { isBusy, sqliteError } from './sqlite-errors.ts'
import {
  applicationId,
  logPages,
  never,
  pageCache,
  pageSize,
  prepareStatements,
  type Statements,
  schema,
  schemaVersion,
} from './sqlite-schema.ts'

/** Milliseconds that a call may block this process while another one writes; the rest of its wait blocks nobody. */
const blocking = 4
/** Milliseconds: the longest pause between two attempts. */
const longestPause = 40

interface OpenFile {
  readonly db: DatabaseSync
  readonly statements: Statements
}

/** A SQLite file: opens it, makes its tables, and lets work wait for other processes. */
export class SqliteFile {
  readonly path: string
  readonly #busyTimeout: number
  #open: OpenFile | undefined

  constructor(path: string, busyTimeout: number) {
    this.path = path
    this.#busyTimeout = busyTimeout
  }

  /** @throws StoreError that says what to do where the file is not ours or cannot be opened. */
  async open(): Promise<void> {
    const { DatabaseSync } = await loadPeer('node:sqlite', () => import('node:sqlite'), 'sqliteStore')
    this.#open ??= await this.#patiently(() => {
      const db = new DatabaseSync(this.path, { timeout: blocking })
      try {
        setUp(db, this.path)
        return { db, statements: prepareStatements(db) }
      } catch (error) {
        db.close()
        throw error
      }
    })
  }

  /** Does `work`, which must be one statement, again and again while other processes are in its way. */
  async use<T>(work: (statements: Statements) => T): Promise<T> {
    // The usual case, without what waiting needs.
    try {
      return work(this.#opened().statements)
    } catch (error) {
      if (!isBusy(error)) throw sqliteError(this.path, error)
    }
    return this.#patiently(() => work(this.#opened().statements))
  }

  /** Does `work` of several statements as one step: all of it or nothing. */
  transaction<T>(work: (statements: Statements) => T): Promise<T> {
    return this.use((statements) => {
      const { db } = this.#opened()
      db.exec('BEGIN IMMEDIATE')
      try {
        const result = work(statements)
        db.exec('COMMIT')
        return result
      } catch (error) {
        if (db.isTransaction) db.exec('ROLLBACK')
        throw error
      }
    })
  }

  close(): void {
    const { db } = this.#open ?? {}
    this.#open = undefined
    db?.close()
  }

  #opened(): OpenFile {
    if (this.#open === undefined) throw new StoreError(`The SQLite file ${this.path} is not open`)
    return this.#open
  }

  async #patiently<T>(work: () => T): Promise<T> {
    const end = performance.now() + this.#busyTimeout
    for (let pause = 1; ; pause = Math.min(2 * pause, longestPause)) {
      try {
        return work()
      } catch (error) {
        if (!isBusy(error) || performance.now() >= end) throw sqliteError(this.path, error)
      }
      // Not all waiters at the same moment.
      await sleep(pause * (0.5 + Math.random()))
    }
  }
}

/** Epoch ms at which a lifetime that starts now ends. */
export function endOf(clock: Clock, lifetime: number): number {
  return Math.min(Math.ceil(clock.now() + lifetime), never)
}

/** A file that is another program's is left as it was. */
function setUp(db: DatabaseSync, path: string): void {
  const isOurs = () => number(db, 'application_id') === applicationId
  const isEmpty = () => db.prepare('SELECT 1 FROM sqlite_schema LIMIT 1').get() === undefined
  // In this order: another process may be making it ours, both at once.
  if (!isEmpty() && !isOurs()) {
    throw new StoreError(
      `${path} is the SQLite database of another program. Give sqliteStore a path of its own; nothing was changed`,
    )
  }
  db.exec(`PRAGMA page_size = ${pageSize}; PRAGMA journal_mode = WAL; PRAGMA synchronous = NORMAL`)
  db.exec(`PRAGMA wal_autocheckpoint = ${logPages}; PRAGMA cache_size = -${pageCache}`)
  db.exec('BEGIN IMMEDIATE')
  const version = number(db, 'user_version')
  if (version > schemaVersion) {
    throw new StoreError(
      `${path} was written by a newer version of Breakwater (schema ${version}, this one knows ${schemaVersion}). ` +
        'Update this process too, or give it a path of its own',
    )
  }
  if (isEmpty()) db.exec(schema)
  db.exec('COMMIT')
}

function number(db: DatabaseSync, pragma: string): number {
  return Object.values(db.prepare(`PRAGMA ${pragma}`).get() ?? {})[0] as number
}
