/** Lists in pages: by number, by offset, by range and, for a list that grows at its end, by cursor. */
import { randomBytes } from 'node:crypto'
import type { AddressInfo } from 'node:net'
import { pageRouter } from 'breakwater/express'
import express from 'express'

const books = Array.from({ length: 250 }, (_, i) => ({ id: i + 1, title: `Book ${i + 1}` }))
const app = express()

// /books?page=2&size=50, /books?offset=50&limit=50, or the field `Range: items=50-99`
app.use('/books', pageRouter({ source: books, ranges: true, envelope: 'data', cacheControl: 'public, max-age=10' }))

// With a filter, and an author's own path. What it gives is the list's slice and its length.
app.get(
  '/titles/:word',
  pageRouter({
    source: ({ offset, limit }, { params }) => {
      const found = books.filter(({ title }) => title.endsWith(` ${params.word}`))
      return { items: found.slice(offset, offset + limit), total: found.length }
    },
  }),
)

const log: { readonly id: number; readonly text: string }[] = []

// Cursors are bound to the path and to `?contains=`. All processes of a service need the same secret.
const secret = process.env.CURSOR_SECRET ?? randomBytes(32)
app.use(
  '/log',
  pageRouter({
    cursors: { keys: [{ id: '2026-01', secret }] },
    source: {
      key: (entry: (typeof log)[number]) => [entry.id],
      read: ({ after, before, limit }, { query }) => {
        const found = log.filter(({ text }) => text.includes(String(query.contains ?? '')))
        if (before !== undefined) return found.filter(({ id }) => id < Number(before[0])).slice(-limit)
        return found.filter(({ id }) => id > Number(after?.[0] ?? 0)).slice(0, limit)
      },
    },
  }),
)
app.post('/log', express.text(), ({ body }, response) => {
  log.push({ id: log.length + 1, text: String(body) })
  response.sendStatus(201)
})

const server = app.listen(Number(process.env.PORT ?? 3000), '127.0.0.1', () => {
  console.log(`http://127.0.0.1:${(server.address() as AddressInfo).port}/books`)
})
