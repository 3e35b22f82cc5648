import { once } from 'node:events'
import { connect, constants, createServer } from 'node:http2'
import type { AddressInfo } from 'node:net'
import { fromIterable } from 'breakwater'
import { type PageRouterOptions, pageRouter, sequenceRouter } from 'breakwater/koa'
import type Application from 'koa'
import { describe, expect, onTestFinished, test } from 'vitest'
import { newKoa } from '../bridges/subjects/koa.ts'

/** Asks by HTTP/2 for `/list`, leaves when the server is at work, and says so to whoever is told. */
async function leaveWhileAtWork(app: Application, isAtWork: Promise<void>): Promise<void> {
  const server = createServer(app.callback()).listen(0, '127.0.0.1')
  await once(server, 'listening')
  const client = connect(`http://127.0.0.1:${(server.address() as AddressInfo).port}`)
  onTestFinished(() => {
    client.destroy()
    server.close()
  })
  const asking = client.request({ ':path': '/list' })
  asking.on('error', () => {})
  await isAtWork
  asking.close(constants.NGHTTP2_CANCEL)
}

describe.each(['koa', 'koa2'] as const)('a client of %s that leaves by HTTP/2', (release) => {
  test('before its page is there is told of', async () => {
    const atWork = Promise.withResolvers<void>()
    const left = Promise.withResolvers<unknown>()
    const source: PageRouterOptions<number, unknown>['source'] = async ({ signal }) => {
      signal.addEventListener('abort', () => left.resolve(signal.reason))
      atWork.resolve()
      await left.promise
      return []
    }
    const app = newKoa(release)
    app.use(pageRouter({ prefix: '/list', source }))
    await leaveWhileAtWork(app, atWork.promise)
    expect(String(await left.promise)).toBe('Error: The client has left')
  })

  test('before its page is asked for is told of', async () => {
    const atWork = Promise.withResolvers<void>()
    const wasGone = Promise.withResolvers<boolean>()
    const app = newKoa(release)
    app.use(async (ctx, next) => {
      atWork.resolve()
      await once(ctx.res, 'close')
      await next()
    })
    const source: PageRouterOptions<number, unknown>['source'] = ({ signal }) => {
      wasGone.resolve(signal.aborted)
      return []
    }
    app.use(pageRouter({ prefix: '/list', source }))
    await leaveWhileAtWork(app, atWork.promise)
    expect(await wasGone.promise).toBe(true)
  })

  test('before the first term is there ends the sequence', async () => {
    const atWork = Promise.withResolvers<void>()
    const left = Promise.withResolvers<unknown>()
    const sequence = fromIterable(
      // biome-ignore lint/correctness/useYield: it has nothing yet
      async function* (signal) {
        atWork.resolve()
        await once(signal, 'abort')
        left.resolve(signal.reason)
      },
      { id: 'late' },
    )
    const app = newKoa(release)
    app.use((ctx, next) => {
      ctx.path = ctx.path.replace('/list', '/late/terms')
      return next()
    })
    app.use(sequenceRouter({ prefix: '/late', sequence }))
    await leaveWhileAtWork(app, atWork.promise)
    expect(String(await left.promise)).toBe('Error: The client has left')
  })
})
