/**
 * What sqliteStore adds to SQLite: the CPU of setting an item and getting it back, beside node:sqlite doing the same
 * with a bare table of keys and blobs. `node bench/stores/sqlite.ts`
 */
import { randomBytes } from 'node:crypto'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { DatabaseSync } from 'node:sqlite'
import { sqliteStore } from '../../dist/adapters/stores/sqlite.js'
import { median } from '../statistics.ts'

interface Subject {
  readonly name: string
  /** Sets a body under a key and gets it back. */
  exchange(key: string, body: Buffer): Promise<number>
  close(): Promise<void>
}

const KiB = 1024
const keys = Array.from({ length: 500 }, (_, i) => `GET https://example.org/products/${i}`)
const meta = { status: 200, headers: { 'content-type': 'text/html; charset=utf-8', etag: '"0123456789"' }, at: 1.5e12 }

function raw(folder: string): Subject {
  const db = new DatabaseSync(join(folder, 'raw.db'))
  db.exec(
    'PRAGMA journal_mode = WAL; PRAGMA synchronous = NORMAL; CREATE TABLE kept (key TEXT PRIMARY KEY, value BLOB)',
  )
  const set = db.prepare('INSERT INTO kept VALUES (?, ?) ON CONFLICT (key) DO UPDATE SET value = excluded.value')
  const get = db.prepare('SELECT value FROM kept WHERE key = ?')
  return {
    name: 'node:sqlite',
    exchange: async (key, body) => {
      set.run(key, body)
      return (get.get(key) as { value: Uint8Array }).value.length
    },
    close: async () => db.close(),
  }
}

function ours(folder: string): Subject {
  const store = sqliteStore({ path: join(folder, 'ours.db') })
  return {
    name: 'sqliteStore',
    exchange: async (key, body) => {
      await store.set(key, { meta, body }, 60_000)
      return (await store.get(key))?.body.length ?? 0
    },
    close: () => store.close(),
  }
}

/** Microseconds of CPU for one exchange. */
async function measure(subject: Subject, bodies: readonly Buffer[], exchanges: number, from: number): Promise<number> {
  const before = process.cpuUsage()
  for (let i = from; i < from + exchanges; i++) {
    // Another body each time: SQLite does not write pages that are as they were.
    const body = bodies[i % bodies.length] as Buffer
    const length = await subject.exchange(keys[i % keys.length] as string, body)
    if (length !== body.length) throw new Error(`${subject.name} gave back ${length} bytes`)
  }
  const { user, system } = process.cpuUsage(before)
  return (user + system) / exchanges
}

async function compare(size: number, exchanges: number, rounds = 41): Promise<void> {
  const folder = mkdtempSync(join(tmpdir(), 'breakwater-bench-'))
  const bodies = Array.from({ length: 7 }, () => randomBytes(size))
  const subjects = [raw(folder), ours(folder)]
  for (const subject of subjects) await measure(subject, bodies, 600, 0)
  const results = subjects.map((): number[] => [])
  for (let round = 0; round < rounds; round++) {
    for (const [i, subject] of subjects.entries()) {
      results[i]?.push(await measure(subject, bodies, exchanges, round * exchanges))
    }
  }
  const [base = Number.NaN, own = Number.NaN] = results.map(median)
  console.log(
    `${size / KiB} KiB  raw ${base.toFixed(1)} us  sqliteStore ${own.toFixed(1)} us  ${(own / base).toFixed(2)} x`,
  )
  for (const subject of subjects) await subject.close()
  rmSync(folder, { recursive: true })
}

await compare(2 * KiB, 500)
await compare(20 * KiB, 250)
await compare(1024 * KiB, 10)
