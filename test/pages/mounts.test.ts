import { createRequire } from 'node:module'
import { pageRouter as onExpress } from 'breakwater/express'
import { pageRouter as onKoa } from 'breakwater/koa'
import type express from 'express'
import type { Context } from 'koa'
import { afterEach, describe, expect, test } from 'vitest'
import { newKoa } from '../bridges/subjects/koa.ts'
import { ask, type Listener, listen } from '../bridges/wire.ts'
import { linkTargets } from '../support/links.ts'
import { hundred, signer } from './subjects.ts'

const require = createRequire(import.meta.url)
const closing: (() => Promise<void>)[] = []

afterEach(async () => {
  await Promise.all(closing.splice(0).map((close) => close()))
})

async function serve(listener: Listener): Promise<(path: string) => ReturnType<typeof ask>> {
  const { port, close } = await listen(listener)
  closing.push(close)
  return (path) => ask(port, path)
}

describe.each(['express', 'express4'] as const)('%s', (release) => {
  const newApp = (): express.Express => (require(release) as typeof express)()
  const router = (): express.Router => (require(release) as typeof express).Router()

  test('as the handler of a route it has the parameters of the path', async () => {
    const app = newApp()
    app.get(
      '/authors/:id/books',
      onExpress({ source: (_asked, { params }) => [`book of ${params.id}`], cursors: signer() }),
    )
    app.use((_request, response) => void response.status(404).end('passed'))
    const get = await serve(app)
    expect((await get('/authors/7/books')).body).toBe('["book of 7"]')
    expect((await get('/authors/7')).body).toBe('passed')
  })

  test('within routers it knows the whole path: cursors of one author are not those of another', async () => {
    const [app, authors, books] = [newApp(), router(), router()]
    books.get('/books', onExpress({ source: hundred, cursors: signer() }))
    authors.use('/:id', books)
    app.set('trust proxy', true)
    app.use('/authors', authors)
    const get = await serve(app)
    const next = new URL(linkTargets((await get('/authors/7/books')).headers.link).next!)
    expect(next.pathname).toBe('/authors/7/books')
    expect((await get(`/authors/7/books${next.search}`)).status).toBe(200)
    expect((await get(`/authors/8/books${next.search}`)).status).toBe(400)
  })

  test('a route that was passed before does not make it answer for other paths', async () => {
    const app = newApp()
    app.get('/books/:id', (_request, _response, next) => next())
    app.use('/books', onExpress({ source: hundred }))
    app.use((_request, response) => void response.status(404).end('passed'))
    const get = await serve(app)
    expect((await get('/books/7')).body).toBe('passed')
    expect((await get('/books')).status).toBe(200)
  })

  test('by prefix it answers at one path', async () => {
    const app = newApp()
    app.use(onExpress({ prefix: '/api/books', source: [1] }))
    app.use((_request, response) => void response.status(404).end('passed'))
    const get = await serve(app)
    for (const path of ['/api/books', '/api/books/']) expect((await get(path)).body).toBe('[1]')
    for (const path of ['/', '/api', '/api/books/1']) expect((await get(path)).body).toBe('passed')
  })
})

describe.each(['koa', 'koa2'] as const)('%s', (release) => {
  test('needs a prefix', () => {
    expect(() => onKoa({ source: [] })).toThrow("prefix must be given in Koa, such as '/books'")
  })

  test("with '*' it answers whatever a router hands to it, by the whole path", async () => {
    const app = newKoa(release)
    const pages = onKoa({ prefix: '*', source: hundred, cursors: signer() })
    app.use(async (ctx: Context, next) => {
      if (!ctx.path.startsWith('/authors/')) return next()
      ctx.path = '/inner'
      await pages(ctx as never, next)
    })
    const get = await serve(app.callback())
    const { next } = linkTargets((await get('/authors/7')).headers.link)
    expect((await get(`/authors/7${new URL(next!).search}`)).status).toBe(200)
    expect((await get(`/authors/8${new URL(next!).search}`)).status).toBe(400)
    expect((await get('/else')).status).toBe(404)
  })

  test("with '' it answers at the root that is left of a path", async () => {
    const app = newKoa(release)
    app.use(onKoa({ prefix: '', source: [1] }))
    const get = await serve(app.callback())
    expect((await get('/')).body).toBe('[1]')
    expect((await get('/books')).status).toBe(404)
  })
})
