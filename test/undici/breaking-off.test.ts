import { EventEmitter } from 'node:events'
import { setTimeout as sleep } from 'node:timers/promises'
import { ResponseCache, type Store } from 'breakwater'
import type { Dispatcher } from 'undici'
import { describe, expect, test } from 'vitest'
import { answering, releases, startClient, startOrigin, until } from './support.ts'

type Controller = Dispatcher.DispatchController

/** A far store with nothing in it. */
const asFar = ({ get }: { get: () => Promise<undefined> }): Store => ({
  name: 'slow',
  near: false,
  maxEntrySize: 1024 * 1024,
  get,
  set: async () => {},
  delete: async () => {},
  clear: async () => {},
  reserve: () => true,
  release: () => {},
})

describe.each(releases)('%s: what breaks off', (_name, undici) => {
  const slow = () => {
    let go = (): void => {}
    const gone = new Promise<void>((resolve) => {
      go = resolve
    })
    return { gone, go }
  }

  test.each(['AbortSignal', 'EventEmitter'])(
    'a request that waits for another ends at once by its %s',
    async (kind) => {
      const { gone, go } = slow()
      const origin = await startOrigin((request, response) => void gone.then(() => answering('x')(request, response)))
      const client = startClient(undici, origin)
      const leader = client.get('/')
      await until(() => origin.seen.length === 1)
      const controller = new AbortController()
      const emitter = Object.assign(new EventEmitter(), { reason: undefined as unknown })
      const follower = client.send('GET', '/', { signal: kind === 'AbortSignal' ? controller.signal : emitter })
      const ended = expect(follower).rejects.toThrow('enough')
      await sleep(10)
      emitter.reason = new Error('enough')
      emitter.emit('abort')
      controller.abort(emitter.reason)
      await ended
      go()
      expect((await leader).text).toBe('x')
      expect(origin.seen).toHaveLength(1)
    },
  )

  const signals: [string, () => { signal?: unknown; abort: (controller: Controller) => void }][] = [
    ['its controller', () => ({ abort: (controller) => controller.abort(new Error('enough')) })],
    [
      'an AbortSignal',
      () => {
        const abort = new AbortController()
        return { signal: abort.signal, abort: () => abort.abort(new Error('enough')) }
      },
    ],
    [
      'an EventEmitter',
      () => {
        const signal = Object.assign(new EventEmitter(), { reason: new Error('enough') })
        return { signal, abort: () => signal.emit('abort') }
      },
    ],
  ]

  test.each(signals)(
    'a bare dispatch that waits for a store ends by %s, and others do not wait for it',
    async (_, make) => {
      const origin = await startOrigin(answering('x'))
      const { gone, go } = slow()
      const responses = new ResponseCache({
        store: asFar({ get: () => gone.then(() => undefined) }),
        storeTimeout: 10_000,
      })
      const client = startClient(undici, origin, { cache: responses })
      const { signal, abort } = make()
      let controller: Controller | undefined
      let told: Error | undefined
      client.dispatcher.dispatch({ origin: origin.url, path: '/', method: 'GET', signal } as never, {
        onRequestStart: (given) => {
          controller = given
        },
        onResponseStart: () => {},
        onResponseError: (_controller, error) => {
          told = error
        },
      })
      abort(controller as Controller)
      expect(told?.message).toBe('enough')
      const other = client.get('/')
      go()
      const begun = performance.now()
      expect((await other).text).toBe('x')
      expect(performance.now() - begun).toBeLessThan(3000)
      expect(origin.seen).toHaveLength(1)
    },
  )

  test('fetch that waits for another can be aborted', async () => {
    const origin = await startOrigin(() => {})
    const client = startClient(undici, origin)
    client.get('/').catch(() => {})
    await until(() => origin.seen.length === 1)
    const abort = new AbortController()
    const asked = undici.fetch(`${origin.url}/`, { dispatcher: client.dispatcher, signal: abort.signal } as never)
    await sleep(10)
    abort.abort()
    await expect(asked).rejects.toThrow(/abort/)
    expect(origin.seen).toHaveLength(1)
  })

  test('when the leader is aborted, one of those who wait takes its place', async () => {
    const origin = await startOrigin(() => {})
    const client = startClient(undici, origin)
    const abort = new AbortController()
    const leader = client.send('GET', '/', { signal: abort.signal })
    await until(() => origin.seen.length === 1)
    const others = [client.get('/'), client.get('/')]
    origin.answer = answering('x')
    await sleep(10)
    abort.abort()
    await expect(leader).rejects.toThrow()
    expect((await Promise.all(others)).map(({ text }) => text)).toEqual(['x', 'x'])
    expect(origin.seen).toHaveLength(2)
  })

  test('a client that leaves mid-body stores nothing', async () => {
    const origin = await startOrigin(async (_request, response) => {
      response.writeHead(200, { 'cache-control': 'max-age=60' }).write('half')
      await sleep(30)
      response.end('whole')
    })
    const client = startClient(undici, origin)
    const { body } = await undici.request(`${origin.url}/`, { dispatcher: client.dispatcher })
    body.on('error', () => {})
    body.destroy(new Error('gone'))
    await sleep(60)
    expect(client.responses.stats().stored).toBe(0)
    expect((await client.get('/')).text).toBe('halfwhole')
  })

  test('an origin that dies mid-body stores nothing', async () => {
    const origin = await startOrigin((_request, response) => {
      response.writeHead(200, { 'cache-control': 'max-age=60' }).write('half')
      setTimeout(() => response.destroy(), 20)
    })
    const client = startClient(undici, origin)
    await expect(client.get('/')).rejects.toThrow()
    origin.answer = answering('whole')
    expect((await client.get('/')).text).toBe('whole')
  })

  test('an answer shorter than its Content-Length is not stored', async () => {
    const origin = await startOrigin((_request, response) => {
      response.socket?.end('HTTP/1.1 200 OK\r\nCache-Control: max-age=60\r\nContent-Length: 10\r\n\r\nshort')
    })
    const client = startClient(undici, origin)
    await expect(client.get('/')).rejects.toThrow()
    expect(client.responses.stats().stored).toBe(0)
  })

  const callbacks = ['onRequestStart', 'onResponseStart', 'onResponseData', 'onResponseEnd'] as const
  const play = (client: ReturnType<typeof startClient>, origin: string, throwing: string) => {
    const calls: string[] = []
    const told = new Promise<Error | undefined>((resolve) => {
      const handler = Object.fromEntries(
        callbacks.map((name) => [
          name,
          () => {
            calls.push(name)
            if (name === throwing) throw new Error(`from ${name}`)
            if (name === 'onResponseEnd') resolve(undefined)
          },
        ]),
      )
      const onResponseError = (_: unknown, error: Error): void => {
        calls.push('onResponseError')
        resolve(error)
      }
      client.dispatcher.dispatch({ origin, path: '/', method: 'GET' }, { ...handler, onResponseError })
    })
    return told.then((error) => ({ error, calls }))
  }

  test.each(callbacks)('a handler that throws in %s is told once, on a hit and on a miss', async (name) => {
    const origin = await startOrigin(answering('x'))
    const client = startClient(undici, origin)
    for (const kind of ['miss', 'hit']) {
      if (kind === 'hit') await client.get('/')
      const { error, calls } = await play(client, origin.url, name)
      await sleep(5)
      expect(error?.message).toBe(`from ${name}`)
      expect(calls.filter((call) => call === 'onResponseError')).toHaveLength(1)
      expect(calls.at(-1)).toBe('onResponseError')
    }
  })

  test('a hit comes in order and synchronously', async () => {
    const origin = await startOrigin(answering('x'))
    const client = startClient(undici, origin)
    await client.get('/')
    expect((await play(client, origin.url, 'none')).calls).toEqual([...callbacks])
  })

  test('a handler can abort a hit before its head', async () => {
    const origin = await startOrigin(answering('x'))
    const client = startClient(undici, origin)
    await client.get('/')
    const calls: unknown[] = []
    client.dispatcher.dispatch(
      { origin: origin.url, path: '/', method: 'GET' },
      {
        onRequestStart: (controller) => {
          controller.abort(new Error('no'))
          calls.push(controller.aborted, controller.reason?.message)
        },
        onResponseStart: () => calls.push('head'),
        onResponseError: (_, error) => calls.push(error.message),
      },
    )
    expect(calls).toEqual([true, 'no', 'no'])
  })
})
