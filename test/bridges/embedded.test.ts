/** A listener with a cache of its own, mounted in an Express application. */
import { memoryStore, ResponseCache } from 'breakwater'
import { cache } from 'breakwater/koa'
import { shield } from 'breakwater/node'
import express from 'express'
import { afterEach, describe, expect, test } from 'vitest'
import { ManualClock } from '../support/engine.ts'
import { isHit } from './subject.ts'
import { newKoa } from './subjects/koa.ts'
import { ask, type Listener, type Listening, listen } from './wire.ts'

let running: Listening | undefined
afterEach(() => running?.close())

const kinds: [string, (responses: ResponseCache, name: string) => Listener][] = [
  [
    'Koa',
    (responses, name) => {
      const app = newKoa('koa')
      app.use(cache({ cache: responses }))
      let calls = 0
      app.use((ctx) => {
        ctx.set('Cache-Control', 'max-age=10, stale-while-revalidate=30')
        ctx.body = `${name} at ${ctx.url}, answer ${++calls}`
      })
      return app.callback()
    },
  ],
  [
    'a shield',
    (responses, name) => {
      let calls = 0
      return shield(
        (request, response) => {
          response.setHeader('Cache-Control', 'max-age=10, stale-while-revalidate=30')
          response.end(`${name} at ${request.url}, answer ${++calls}`)
        },
        { cache: responses },
      )
    },
  ],
]

describe.each(kinds)('%s within Express', (_kind, make) => {
  const start = async () => {
    const clock = new ManualClock()
    const responses = new ResponseCache({ clock, store: memoryStore({ clock }) })
    const app = express()
    app.use('/a', make(responses, 'a') as never)
    app.use('/b', make(responses, 'b') as never)
    running = await listen(app)
    const { port } = running
    return { clock, responses, request: (path: string) => ask(port, path) }
  }

  test('has the whole URL in its key', async () => {
    const { request } = await start()
    expect((await request('/a/x')).body).toBe('a at /x, answer 1')
    expect((await request('/b/x')).body).toBe('b at /x, answer 1')
    expect(isHit(await request('/a/x'))).toBe(true)
  })

  test.each([
    ['/a/x?y', '/x?y'],
    ['/a', '/'],
    ['/a?y', '/?y'],
  ])('%s is refreshed behind as %s', async (path, own) => {
    const { clock, responses, request } = await start()
    await request(path)
    clock.pass(15)
    await request(path)
    await expect.poll(() => responses.stats().refreshes).toBe(1)
    const hit = await request(path)
    expect(hit.body).toBe(`a at ${own}, answer 2`)
    expect(isHit(hit)).toBe(true)
  })
})
