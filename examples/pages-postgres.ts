/** Keyset pagination on PostgreSQL: any page costs the same, and none moves while rows come and go. */
import { randomBytes } from 'node:crypto'
import type { AddressInfo } from 'node:net'
import type { CursorValue } from 'breakwater'
import { type KeyedAsked, pageRouter } from 'breakwater/express'
import express, { type Request } from 'express'
import pg from 'pg'

interface Article {
  readonly id: string
  readonly author: string
  readonly title: string
  /** As text: a Date would lose the microseconds that the rows are ordered by. */
  readonly published: string
}

const pool = new pg.Pool({
  connectionString: process.env.DATABASE_URL ?? 'postgres://postgres@127.0.0.1:5432/postgres',
  statement_timeout: 5000,
})
// A connection that breaks while it is idle; the next query gets another one.
pool.on('error', (error) => console.error(error.message))

// An index in the order of the list, for each filter that it has: a page is a few rows from the middle of it.
await pool.query(`
  CREATE TABLE IF NOT EXISTS article (
    id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    author text NOT NULL,
    title text NOT NULL,
    published timestamptz NOT NULL DEFAULT clock_timestamp()
  );
  CREATE INDEX IF NOT EXISTS article_order ON article (published, id);
  CREATE INDEX IF NOT EXISTS article_order_of_author ON article (author, published, id);
`)

/** Newest first. `id` tells apart what was published in the same instant, so the order has no ties. */
async function readArticles({ after, before, limit }: KeyedAsked, { query }: Request): Promise<Article[]> {
  const key = after ?? before
  const values: CursorValue[] = [limit, ...(key ?? [])]
  // Rows are compared as a whole: (a, b) < (c, d) uses the index, a < c OR (a = c AND b < d) mostly does not.
  const conditions = key ? [`(published, id) ${after ? '<' : '>'} ($2::timestamptz, $3::bigint)`] : []
  if (typeof query.author === 'string') conditions.push(`author = $${values.push(query.author)}`)
  const direction = before ? 'ASC' : 'DESC'
  const { rows } = await pool.query<Article>(
    `SELECT id, author, title, published::text
       FROM article ${conditions.length > 0 ? `WHERE ${conditions.join(' AND ')}` : ''}
      ORDER BY article.published ${direction}, id ${direction}
      LIMIT $1`,
    values,
  )
  // Towards newer ones the nearest come first; the list's own order is the other way round.
  return before ? rows.reverse() : rows
}

const app = express()

// All processes of a service need the same secret.
const secret = process.env.CURSOR_SECRET ?? randomBytes(32)
app.use(
  '/articles',
  pageRouter({
    cursors: { keys: [{ id: '2026-01', secret }] },
    source: { key: ({ published, id }: Article) => [published, id], read: readArticles },
  }),
)

const server = app.listen(Number(process.env.PORT ?? 3000), '127.0.0.1', () => {
  console.log(`http://127.0.0.1:${(server.address() as AddressInfo).port}/articles`)
})
