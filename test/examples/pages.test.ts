import { afterAll, afterEach, beforeAll, describe, expect, test } from 'vitest'
import { linkTargets } from '../support/links.ts'
import { type PostgresServer, startPostgres } from '../support/postgres.ts'
import { describeWithProgram } from '../support/servers.ts'
import { type Answer, ask, type Program, patience, start } from './program.ts'

let program: Program | undefined

afterEach(async () => {
  await program?.stop()
  program = undefined
})

function example(name: string, environment?: NodeJS.ProcessEnv): Promise<string> {
  program = start(`examples/${name}.ts`, [], environment)
  return program.address()
}

/** Follows a relation to its end; each page is seen before the next one is asked for. */
async function walk<Item>(from: string, rel: 'next' | 'prev', see: (items: Item[], answer: Answer) => unknown) {
  for (let at: string | undefined = from; at !== undefined; ) {
    const answer: Answer = await ask(at)
    expect([at, answer.status]).toEqual([at, 200])
    await see(JSON.parse(answer.text), answer)
    at = linkTargets(answer.headers.get('link') ?? '', at)[rel]
  }
}

describe('the example of pages', { timeout: patience }, () => {
  test('shows a list by number, by offset and by range', async () => {
    const address = await example('pages')
    const page = await ask(`${address}?page=3&size=50`)
    const { data, links, total } = JSON.parse(page.text)
    expect([data[0].id, data.length, total, links.next]).toEqual([101, 50, 250, '?page=4&size=50'])
    expect(page.headers.get('cache-control')).toBe('public, max-age=10')
    expect(JSON.parse((await ask(`${address}?offset=240&limit=50`)).text).data).toHaveLength(10)
    const range = await ask(address, { headers: { range: 'items=-5' } })
    expect([range.status, range.headers.get('content-range')]).toEqual([206, 'items 245-249/250'])
    expect((await ask(`${address}?size=1000`)).status).toBe(422)
    const titles = await ask(address.replace('/books', '/titles/77'))
    expect([titles.text, titles.headers.get('x-total-count')]).toEqual(['[{"id":77,"title":"Book 77"}]', '1'])
  })

  test('shows a log from cursor to cursor, while it grows', async () => {
    const address = (await example('pages')).replace('/books', '/log')
    const headers = { 'content-type': 'text/plain' }
    const add = (body: string) => ask(address, { method: 'POST', headers, body })
    for (let i = 1; i <= 9; i++) await add(`entry ${i}`)
    const seen: number[] = []
    await walk<{ id: number }>(`${address}?limit=4`, 'next', async (items) => {
      seen.push(...items.map(({ id }) => id))
      if (seen.length < 6) await add('another one')
    })
    expect(seen).toEqual([1, 2, 3, 4, 5, 6, 7, 8, 9, 10])
    const { next } = linkTargets((await ask(`${address}?contains=entry&limit=4`)).headers.get('link')!, address)
    expect((await ask(next!.replace('contains=entry', 'contains=one'))).status).toBe(400)
  })
})

describeWithProgram('initdb', 'the example of pages on PostgreSQL', () => {
  let postgres: PostgresServer

  beforeAll(async () => {
    postgres = await startPostgres({ timezone: 'Asia/Kathmandu' })
  }, patience)
  afterAll(async () => {
    await postgres?.stop()
  })

  /** Articles of three authors, many of them of the same instant, others a microsecond apart. */
  const fill = () =>
    postgres.query(`
      TRUNCATE article RESTART IDENTITY;
      INSERT INTO article (author, title, published)
      SELECT 'author ' || n % 3, 'article ' || n, timestamptz '2026-01-01' + (n / 7) * interval '1 microsecond'
        FROM generate_series(1, 500) AS n`)
  const ordered = async (condition = 'true'): Promise<string[]> => {
    const rows = await postgres.query<{ id: string }>(
      `SELECT id FROM article WHERE ${condition} ORDER BY published DESC, id DESC`,
    )
    return rows.map(({ id }) => id)
  }

  test('each article is seen once, forwards and back, whatever is added meanwhile', { timeout: patience }, async () => {
    const address = await example('pages-postgres', { DATABASE_URL: postgres.url })
    await fill()
    const before = await ordered()
    const seen: string[] = []
    let end = ''
    await walk<{ id: string }>(`${address}?limit=33`, 'next', async (items, { headers }) => {
      seen.push(...items.map(({ id }) => id))
      end = linkTargets(headers.get('link')!, address).prev ?? end
      // At the front, at the end and where the reader just is.
      await postgres.query(`INSERT INTO article (author, title, published)
        SELECT 'new', 'new', published FROM article WHERE id IN (500, 250, 1, ${items.at(-1)?.id})`)
    })
    expect(seen.filter((id) => before.includes(id))).toEqual(before)
    expect(new Set(seen).size).toBe(seen.length)

    const all = await ordered()
    const back: string[] = []
    await walk<{ id: string }>(end, 'prev', (items) => back.unshift(...items.map(({ id }) => id)))
    expect(back).toEqual(all.slice(0, back.length))
    expect(back.length).toBeGreaterThan(500)
  })

  test('a filter is part of what a cursor is for', { timeout: patience }, async () => {
    const address = await example('pages-postgres', { DATABASE_URL: postgres.url })
    await fill()
    const seen: string[] = []
    let next: string | undefined
    await walk<{ id: string }>(`${address}?author=author%201`, 'next', (items, { headers }) => {
      seen.push(...items.map(({ id }) => id))
      next ??= linkTargets(headers.get('link')!, address).next
    })
    expect(seen).toEqual(await ordered("author = 'author 1'"))
    expect((await ask(next!)).status).toBe(200)
    for (const other of [next!.replace('author%201', 'author%202'), next!.replace(/author=[^&]*&/, '')]) {
      expect((await ask(other)).status).toBe(400)
    }
  })
})
