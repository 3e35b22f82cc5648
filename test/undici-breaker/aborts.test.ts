import { Readable } from 'node:stream'
import { describe, expect, test } from 'vitest'
import { answering, settles, startGuarded, startOrigin, startSockets, until, ways, wire } from './support.ts'

const failed = { total: 1, failed: 1 }

describe.each(ways)('%s', (name, way) => {
  const isFetch = name.includes('fetch')
  const start = (parts?: Parameters<typeof startGuarded>[1]) => startGuarded(way.undici, parts)
  const ask = async (...args: Parameters<typeof way.send>) => {
    const { status, read } = await way.send(...args)
    return { status, text: await read() }
  }

  test.each<[string, Parameters<typeof startSockets>[0]]>([
    ['before the head', () => {}],
    ['mid-body', wire('HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nhalf')],
  ])('AbortSignal.timeout %s is a failure', async (_, accept) => {
    const { url } = await startSockets(accept)
    const guarded = start()
    // Long enough for a busy machine to have sent it.
    await expect(ask(guarded, url, { signal: AbortSignal.timeout(300) })).rejects.toThrow()
    await settles(guarded.of(url), failed)
  })

  test.each<[string, Parameters<typeof startSockets>[0]]>([
    ['before the head', () => {}],
    ['mid-body', wire('HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nhalf')],
  ])('an abort by the caller %s is neutral', async (_, accept) => {
    const { url, accepted } = await startSockets(accept)
    const guarded = start()
    const abort = new AbortController()
    const asked = ask(guarded, url, { signal: abort.signal })
    await until(() => accepted() === 1)
    setTimeout(() => abort.abort(), 20)
    await expect(asked).rejects.toThrow()
    await settles(guarded.of(url), { total: 0, failed: 0 })
  })

  test('a signal that is aborted already leaves nothing behind', async () => {
    const upstream = await startOrigin(answering('x'))
    const guarded = start()
    await expect(ask(guarded, upstream.url, { signal: AbortSignal.abort() })).rejects.toThrow()
    await settles(guarded.of(upstream.url), { total: 0 })
  })

  test("what breaks in the upload is the caller's own", async () => {
    const upstream = await startOrigin(() => {})
    const guarded = start()
    async function* broken(): AsyncGenerator<Buffer> {
      yield Buffer.from('a')
      throw Object.assign(new Error('aborted'), { code: 'ECONNRESET' })
    }
    const body = isFetch ? Readable.toWeb(Readable.from(broken())) : Readable.from(broken())
    const options = { method: 'POST', body, duplex: 'half' } as never
    await expect(ask(guarded, upstream.url, options)).rejects.toThrow()
    await settles(guarded.of(upstream.url), { total: 0 })
  })

  test('1,000 requests that the caller breaks off leave nothing under way', { timeout: 40_000 }, async () => {
    const upstream = await startOrigin((request, response) => {
      if (request.url === '/hang') return
      response.writeHead(200).write('half')
    })
    const guarded = start()
    const one = async (i: number): Promise<void> => {
      const abort = new AbortController()
      const asked = ask(guarded, `${upstream.url}/${i % 2 === 0 ? 'hang' : ''}`, { signal: abort.signal })
      setTimeout(() => abort.abort(), i % 20)
      await asked.then(
        () => expect.unreachable(),
        () => {},
      )
    }
    for (let i = 0; i < 10; i++) await Promise.all(Array.from({ length: 100 }, (_, n) => one(n)))
    // fetch tells its caller at once, and its dispatcher when the connection is there.
    await settles(guarded.of(upstream.url), { total: 0, failed: 0 }, 20_000)
    expect(guarded.registry.list()).toHaveLength(1)
  })
})
