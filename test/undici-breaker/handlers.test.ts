import type { Dispatcher } from 'undici'
import { describe, expect, test } from 'vitest'
import { answering, releases, settles, startGuarded, startOrigin, startSockets, until, wire } from './support.ts'

const callbacks = ['onRequestStart', 'onResponseStart', 'onResponseData', 'onResponseEnd'] as const

/** By onRequestStart undici 7 knows a handler of this kind. */
const quiet = { onRequestStart: () => {}, onResponseError: () => {} }

describe.each(releases)('%s: a handler of the caller', (_name, undici) => {
  /** Sends with a handler that notes what is called, and does something of its own in one of the calls. */
  const play = (
    dispatcher: Dispatcher,
    origin: string,
    at: string,
    act: (controller: Dispatcher.DispatchController) => void,
  ) => {
    const calls: string[] = []
    return new Promise<{ calls: string[]; error: Error | undefined }>((resolve) => {
      const handler = Object.fromEntries(
        callbacks.map((name) => [
          name,
          (controller: Dispatcher.DispatchController) => {
            calls.push(name)
            if (name === at) act(controller)
            if (name === 'onResponseEnd') resolve({ calls, error: undefined })
          },
        ]),
      )
      const onResponseError = (_: unknown, error: Error): void => {
        calls.push('onResponseError')
        resolve({ calls, error })
      }
      dispatcher.dispatch({ origin, path: '/', method: 'GET' }, { ...handler, onResponseError })
    })
  }
  const fault = (): never => {
    throw new Error('of the handler')
  }

  test('is called in order', async () => {
    const upstream = await startOrigin(answering('x'))
    const { dispatcher } = startGuarded(undici)
    expect((await play(dispatcher, upstream.url, '', fault)).calls).toEqual([...callbacks])
  })

  test.each([
    ['onRequestStart', { total: 0 }],
    ['onResponseStart', { total: 0 }],
    ['onResponseData', { total: 0 }],
    ['onResponseEnd', { total: 1, failed: 0 }],
  ] as const)('that throws in %s is told once, and the upstream is not blamed', async (at, counts) => {
    const upstream = await startOrigin(answering('x'))
    const guarded = startGuarded(undici, { mount: { fallback: { statusCode: 200 } } })
    const { calls, error } = await play(guarded.dispatcher, upstream.url, at, fault)
    expect(error?.message).toBe('of the handler')
    expect(calls.filter((call) => call === 'onResponseError')).toHaveLength(1)
    await settles(guarded.of(upstream.url), { ...counts, failed: 0 })
  })

  test.each(callbacks.slice(0, 3))('that aborts in %s is neutral', async (at) => {
    const upstream = await startOrigin(answering('x'))
    const guarded = startGuarded(undici)
    const { error } = await play(guarded.dispatcher, upstream.url, at, (controller) =>
      controller.abort(new Error('no')),
    )
    expect(error?.message).toBe('no')
    await settles(guarded.of(upstream.url), { total: 0, failed: 0 })
  })

  test('that throws at the head of a 503 takes nothing back', async () => {
    const upstream = await startOrigin((_, response) => void response.writeHead(503).end())
    const guarded = startGuarded(undici)
    await play(guarded.dispatcher, upstream.url, 'onResponseStart', fault)
    await settles(guarded.of(upstream.url), { total: 1, failed: 1 })
  })

  test('that throws in onResponseError harms nobody else', async () => {
    const { url } = await startSockets(wire('nonsense\r\n\r\n'))
    const guarded = startGuarded(undici)
    const stray = new Promise((resolve) => process.once('uncaughtException', resolve))
    const listeners = process.listeners('uncaughtException').slice(0, -1)
    for (const listener of listeners) process.removeListener('uncaughtException', listener)
    guarded.dispatcher.dispatch({ origin: url, path: '/', method: 'GET' }, { ...quiet, onResponseError: fault })
    // undici throws what an error handler throws once more, outside of everything.
    expect(await stray).toMatchObject({ message: 'of the handler' })
    for (const listener of listeners) process.on('uncaughtException', listener)
    await settles(guarded.of(url), { total: 1, failed: 1 })
  })

  test('that pauses and goes on gets everything', async () => {
    const upstream = await startOrigin(answering('x'))
    const guarded = startGuarded(undici)
    const { calls } = await play(guarded.dispatcher, upstream.url, 'onResponseStart', (controller) => {
      controller.pause()
      setTimeout(() => controller.resume(), 10)
    })
    expect(calls).toEqual([...callbacks])
    await settles(guarded.of(upstream.url), { total: 1, failed: 0 })
  })

  test('a request that undici refuses is neutral, and told in its own words', async () => {
    const upstream = await startOrigin(answering('x'))
    const guarded = startGuarded(undici)
    for (let i = 0; i < 3; i++) {
      await expect(guarded.ask(upstream.url, { headers: { 'bad name': 'x' } })).rejects.toMatchObject({
        code: 'UND_ERR_INVALID_ARG',
      })
    }
    await settles(guarded.of(upstream.url), { total: 0, failed: 0 })
    expect(() => guarded.dispatcher.dispatch(undefined as never, undefined as never)).toThrow()
  })

  test('requests to an agent that was destroyed, before or meanwhile, are neutral', async () => {
    const upstream = await startOrigin(() => {})
    const guarded = startGuarded(undici)
    const asked = guarded.ask(upstream.url)
    await until(() => upstream.seen.length === 1)
    await Promise.all([expect(asked).rejects.toThrow(), guarded.dispatcher.destroy()])
    await expect(guarded.ask(upstream.url)).rejects.toThrow()
    await settles(guarded.of(upstream.url), { total: 0, failed: 0 })
  })

  test('an upload that the caller declared wrongly is neutral', async () => {
    const upstream = await startOrigin(answering('x'))
    const guarded = startGuarded(undici)
    const wrong = { method: 'POST', body: 'abc', headers: { 'content-length': '9' } }
    await expect(guarded.ask(upstream.url, wrong)).rejects.toMatchObject({ code: /UND_ERR_REQ/ })
    await settles(guarded.of(upstream.url), { total: 0, failed: 0 })
  })

  test('dispatch says what the dispatcher says: false where one has to wait for drain', async () => {
    const upstream = await startOrigin(() => {})
    const { dispatcher } = startGuarded(undici, { agent: { connections: 1, pipelining: 1 } })
    const options = { origin: upstream.url, path: '/', method: 'GET' } as const
    const send = () => dispatcher.dispatch(options, quiet)
    const plain = new undici.Agent({ connections: 1, pipelining: 1 })
    const sendPlainly = () => plain.dispatch(options, quiet)
    expect([send(), send()]).toEqual([sendPlainly(), sendPlainly()])
    await Promise.all([plain.destroy(), dispatcher.destroy()])
  })
})
