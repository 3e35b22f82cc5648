import { createServer, get, type Server } from 'node:http'
import { type AddressInfo, connect } from 'node:net'
import { Readable } from 'node:stream'
import { cache } from 'breakwater/express'
import { cache as koaCache } from 'breakwater/koa'
import { shield } from 'breakwater/node'
import express from 'express'
import Koa from 'koa'
import { afterEach, describe, expect, test } from 'vitest'
import { memoryStore, ResponseCache } from '../../src/index.ts'

const servers: Server[] = []

function listen(listener: (request: never, response: never) => unknown): Promise<number> {
  const server = createServer(listener as Parameters<typeof createServer>[1])
  servers.push(server)
  return new Promise((resolve) => server.listen(0, '127.0.0.1', () => resolve((server.address() as AddressInfo).port)))
}

afterEach(async () => {
  for (const server of servers.splice(0)) {
    server.closeAllConnections()
    await new Promise((resolve) => server.close(resolve))
  }
})

interface Answer {
  readonly status: string
  readonly body: string
}

function ask(port: number, path: string, headers: Record<string, string> = {}): Promise<Answer> {
  return new Promise((resolve, reject) => {
    get({ host: '127.0.0.1', port, path, headers, agent: false }, async (response) => {
      let body = ''
      for await (const chunk of response) body += String(chunk)
      resolve({ status: String(response.headers['cache-status']), body })
    }).on('error', reject)
  })
}

describe('fields set outside the mount', () => {
  test.each(['no-store', 'private', 'private, max-age=60'])(
    'Cache-Control: %s binds a rule inside',
    async (control) => {
      let runs = 0
      const app = express()
      app.use((_request, response, next) => {
        response.set('Cache-Control', control)
        next()
      })
      app.use(cache({ cache: new ResponseCache({ store: memoryStore() }), ttl: 60_000 }))
      app.get('/', (_request, response) => void response.send(`run ${++runs}`))
      const port = await listen(app as never)
      await ask(port, '/')
      expect(await ask(port, '/')).toMatchObject({ body: 'run 2', status: expect.stringContaining('detail=') })
    },
  )
})

describe('applications that were not told to share a cache', () => {
  const kinds = [
    [
      'Express',
      (name: string) =>
        express()
          .use(cache({ ttl: 60_000 }))
          .get('/', (_, response) => void response.send(name)),
    ],
    [
      'Koa',
      (name: string) => {
        const app = new Koa()
        app.use(koaCache({ ttl: 60_000 }))
        app.use((ctx) => {
          ctx.body = name
        })
        return app.callback()
      },
    ],
    ['shield', (name: string) => shield((_request, response) => response.end(name), { cache: { ttl: 60_000 } })],
  ] as const

  test.each(kinds)('%s: a borrowed Host brings nothing of the other’s', async (_, make) => {
    const open = await listen(make('open') as never)
    const internal = await listen(make('internal') as never)
    const host = `127.0.0.1:${internal}`
    expect((await ask(internal, '/', { host })).body).toBe('internal')
    expect((await ask(open, '/', { host })).body).toBe('open')
    expect(await ask(internal, '/', { host })).toMatchObject({
      body: 'internal',
      status: expect.stringContaining('hit'),
    })
  })

  test('two mounts of one application do share', async () => {
    const app = express()
    let runs = 0
    app.get('/', cache({ ttl: 60_000 }), (_request, response) => void response.send(`run ${++runs}`))
    app.post('/', cache(), (_request, response) => void response.sendStatus(204))
    const port = await listen(app as never)
    await ask(port, '/')
    await fetch(`http://127.0.0.1:${port}/`, { method: 'POST' })
    expect((await ask(port, '/')).body).toBe('run 2')
  })
})

describe('a client that asks and does not read', () => {
  const size = 4 * 1024 * 1024
  const block = Buffer.alloc(64 * 1024, 'x')
  const content = function* () {
    for (let sent = 0; sent < size; sent += block.length) yield block
  }
  const listeners = [
    [
      'node',
      (responses: ResponseCache) =>
        shield(
          (_request, response) => {
            response.writeHead(200, { 'Content-Length': size })
            Readable.from(content()).pipe(response)
          },
          { cache: { cache: responses, ttl: 60_000 } },
        ),
    ],
    [
      'Koa, through ctx',
      (responses: ResponseCache) => {
        const app = new Koa()
        app.use((_ctx, next) => next())
        app.use(koaCache({ cache: responses, ttl: 60_000 }))
        app.use((ctx) => {
          ctx.length = size
          ctx.body = Readable.from(content(), { objectMode: false })
        })
        return app.callback()
      },
    ],
  ] as const

  test.each(listeners)('holds up neither who follows it nor the memory for others: %s', async (_, make) => {
    const responses = new ResponseCache({ store: memoryStore() })
    const port = await listen(make(responses) as never)
    const idle = await Promise.all(
      Array.from({ length: 8 }, (_, i) => {
        const socket = connect(port, '127.0.0.1')
        socket.pause()
        socket.write(`GET /${i} HTTP/1.1\r\nHost: 127.0.0.1:${port}\r\n\r\n`)
        return new Promise<typeof socket>((resolve) => socket.once('connect', () => resolve(socket)))
      }),
    )
    const followers = await Promise.all(idle.map((_, i) => ask(port, `/${i}`)))
    expect(followers.map(({ body }) => body.length)).toEqual(idle.map(() => size))
    expect(responses.stats()).toMatchObject({ misses: 8, refused: 0, stored: 8 })
    for (const socket of idle) socket.destroy()
  })
})
