import type { DatabaseSync, StatementSync } from 'node:sqlite'

/** "BwTr", which tells our files from those of other programs. */
export const applicationId = 0x42775472
export const schemaVersion = 1
/** Measured: bodies of 2 to 20 KiB cost less CPU than with SQLite's 4,096. */
export const pageSize = 8192
/** Pages of log that are moved into the file at a time: 8 MiB. A page that is written again before is moved once. */
export const logPages = 1024
/** KiB of pages that a process holds: what is read or replaced often is not fetched from the system again. */
export const pageCache = 16_000
/** Epoch ms of what never ends: it sorts behind all that does. */
export const never: number = Number.MAX_SAFE_INTEGER

/**
 * Items have row ids, since a table without them moves whole bodies about (twice the CPU at 20 KiB). `size` lets bytes
 * be counted without reading bodies; the triggers keep the sum right whichever process writes.
 * What capabilities keep (cells, lists) is not counted and never evicted: a lock must not vanish because items came.
 */
export const schema: string = `
CREATE TABLE items (key TEXT NOT NULL UNIQUE, expires INTEGER NOT NULL, size INTEGER NOT NULL, value BLOB NOT NULL);
CREATE INDEX items_by_end ON items (expires);
CREATE TABLE totals (bytes INTEGER NOT NULL);
INSERT INTO totals VALUES (0);
CREATE TRIGGER item_came AFTER INSERT ON items BEGIN UPDATE totals SET bytes = bytes + new.size; END;
CREATE TRIGGER item_went AFTER DELETE ON items BEGIN UPDATE totals SET bytes = bytes - old.size; END;
CREATE TRIGGER item_grew AFTER UPDATE ON items WHEN new.size <> old.size
  BEGIN UPDATE totals SET bytes = bytes + new.size - old.size; END;

CREATE TABLE cells (key TEXT PRIMARY KEY, expires INTEGER NOT NULL, value BLOB NOT NULL) WITHOUT ROWID;
CREATE INDEX cells_by_end ON cells (expires);

CREATE TABLE lists (key TEXT PRIMARY KEY, expires INTEGER NOT NULL, length INTEGER NOT NULL) WITHOUT ROWID;
CREATE INDEX lists_by_end ON lists (expires);
CREATE TABLE list_values (
  key TEXT NOT NULL REFERENCES lists (key) ON DELETE CASCADE,
  position INTEGER NOT NULL,
  value BLOB NOT NULL,
  PRIMARY KEY (key, position)
) WITHOUT ROWID;

PRAGMA application_id = ${applicationId};
PRAGMA user_version = ${schemaVersion};
`

/** Tables whose rows have a key and an end. */
const tables = ['items', 'cells', 'lists'] as const

export interface Statements {
  /** key, now */
  readonly get: StatementSync
  /** key, expires, size, value */
  readonly set: StatementSync
  /** key */
  readonly delete: StatementSync
  readonly total: StatementSync
  /** count: those that end first, and of those that end together the oldest */
  readonly evict: StatementSync
  /** For each table. now, count */
  readonly sweep: readonly StatementSync[]
  /** For each table. The first key, the first key behind, count */
  readonly clear: readonly StatementSync[]

  /** key, now */
  readonly read: StatementSync
  /** key, expires, by as digits, now; no row where the value is no number */
  readonly increment: StatementSync
  /** key, expires, value, now */
  readonly setIfAbsent: StatementSync
  /** next, expires, key, expected, now */
  readonly swap: StatementSync
  /** key, expected, now */
  readonly remove: StatementSync

  /** key, now */
  readonly endList: StatementSync
  /** key, expires */
  readonly lengthen: StatementSync
  /** key, position, value */
  readonly append: StatementSync
  /** key, from, now */
  readonly slice: StatementSync
}

export function prepareStatements(db: DatabaseSync): Statements {
  const key = (table: string): string => (table === 'items' ? 'rowid' : 'key')
  return {
    get: db.prepare('SELECT value FROM items WHERE key = ? AND expires > ?'),
    set: db.prepare(
      `INSERT INTO items (key, expires, size, value) VALUES (?, ?, ?, ?)
       ON CONFLICT (key) DO UPDATE SET expires = excluded.expires, size = excluded.size, value = excluded.value`,
    ),
    delete: db.prepare('DELETE FROM items WHERE key = ?'),
    total: db.prepare('SELECT bytes FROM totals'),
    evict: db.prepare('DELETE FROM items WHERE rowid IN (SELECT rowid FROM items ORDER BY expires, rowid LIMIT ?)'),
    sweep: tables.map((table) =>
      db.prepare(
        `DELETE FROM ${table} WHERE ${key(table)} IN
         (SELECT ${key(table)} FROM ${table} WHERE expires <= ? ORDER BY expires LIMIT ?)`,
      ),
    ),
    clear: tables.map((table) =>
      db.prepare(
        `DELETE FROM ${table} WHERE ${key(table)} IN
         (SELECT ${key(table)} FROM ${table} WHERE key >= ? AND key < ? LIMIT ?)`,
      ),
    ),

    read: db.prepare('SELECT value FROM cells WHERE key = ? AND expires > ?'),
    // A number becomes a blob by way of its digits, which is how other stores keep counters.
    increment: db.prepare(
      `INSERT INTO cells (key, expires, value) VALUES (?1, ?2, ?3)
       ON CONFLICT (key) DO UPDATE SET expires = excluded.expires, value = CAST(
         iif(expires > ?4, CAST(value AS INTEGER), 0) + CAST(excluded.value AS INTEGER) AS BLOB)
         WHERE expires <= ?4 OR CAST(CAST(value AS INTEGER) AS BLOB) = value
       RETURNING value`,
    ),
    setIfAbsent: db.prepare(
      `INSERT INTO cells (key, expires, value) VALUES (?1, ?2, ?3)
       ON CONFLICT (key) DO UPDATE SET expires = excluded.expires, value = excluded.value WHERE expires <= ?4`,
    ),
    swap: db.prepare('UPDATE cells SET value = ?, expires = ? WHERE key = ? AND value = ? AND expires > ?'),
    remove: db.prepare('DELETE FROM cells WHERE key = ? AND value = ? AND expires > ?'),

    endList: db.prepare('DELETE FROM lists WHERE key = ? AND expires <= ?'),
    lengthen: db.prepare(
      `INSERT INTO lists (key, expires, length) VALUES (?, ?, 1)
       ON CONFLICT (key) DO UPDATE SET expires = excluded.expires, length = length + 1 RETURNING length`,
    ),
    append: db.prepare('INSERT INTO list_values (key, position, value) VALUES (?, ?, ?)'),
    slice: db.prepare(
      `SELECT value FROM list_values JOIN lists USING (key)
       WHERE list_values.key = ? AND position >= ? AND expires > ? ORDER BY position`,
    ),
  }
}
