import { once } from 'node:events'
import type { ServerResponse } from 'node:http'
import { Readable } from 'node:stream'
import { pipeline } from 'node:stream/promises'
import { setImmediate as turn } from 'node:timers/promises'
import { afterEach, describe, expect, test, vi } from 'vitest'
import { fetchFrom, isHit } from './client.ts'
import { type Kind, mounted, type Running, serve } from './subjects.ts'

const parts = ['first ', 'second ', 'third ', 'last']
const whole = parts.join('')

/** Ways in which a handler breaks off. */
const deaths: readonly (readonly [string, (response: ServerResponse) => unknown])[] = [
  ['destroys', (response) => response.destroy()],
  ['destroys with an error', (response) => response.destroy(new Error('broken'))],
  ['destroys, then ends', (response) => response.destroy().end('late')],
  ['destroys the socket', (response) => response.socket?.destroy()],
  ['never ends, until its socket is reset', (response) => void setTimeout(() => response.socket?.resetAndDestroy(), 5)],
]

describe.each<Kind>(['node', 'express 5', 'express 4'])('an answer on %s', (kind) => {
  let running: Running
  afterEach(() => running.close())

  /** A handler that dies once after `sent` chunks, and answers properly from then on. */
  async function dyingOnce(sent: number, withLength: boolean, die: (response: ServerResponse) => unknown) {
    const mount = mounted({ ttl: 60_000 })
    let runs = 0
    running = await serve(
      kind,
      async (_request, response) => {
        response.on('error', () => {})
        if (withLength) response.setHeader('Content-Length', whole.length)
        const dies = ++runs === 1
        for (const part of dies ? parts.slice(0, sent) : parts) {
          response.write(part)
          await turn()
        }
        if (dies) die(response)
        else response.end()
      },
      mount,
    )
    return mount
  }

  const cases = deaths.flatMap(([name, die]) =>
    [0, 1, 2, 3, 4].flatMap((sent) => [true, false].map((withLength) => [name, sent, withLength, die] as const)),
  )

  test.each(cases)(
    'that %s after %i chunks (length %s) is stored only if it is whole',
    async (name, sent, withLength, die) => {
      const mount = await dyingOnce(sent, withLength, die)
      await fetchFrom(running.url).catch(() => undefined)
      await vi.waitFor(() => expect(mount.responses.inFlight.size).toBe(0))
      // All that was declared is there, and nothing failed: only the end of the response was not written.
      const isWhole = withLength && sent === parts.length && name !== 'destroys with an error'
      expect(mount.responses.stats().stored).toBe(isWhole ? 1 : 0)
      expect(await fetchFrom(running.url)).toMatchObject({ body: whole, whole: true })
      const third = await fetchFrom(running.url)
      expect([third.body, isHit(third)]).toEqual([whole, true])
    },
  )

  test.each(['pipe', 'pipeline'] as const)('whose source fails in %s is not stored', async (way) => {
    const mount = mounted({ ttl: 60_000 })
    running = await serve(
      kind,
      async (_request, response) => {
        const source = Readable.from(
          (async function* () {
            yield 'some '
            await turn()
            throw new Error('source broken')
          })(),
        )
        response.on('error', () => {})
        if (way === 'pipeline') await pipeline(source, response).catch(() => {})
        else source.on('error', (error) => response.destroy(error)).pipe(response)
      },
      mount,
    )
    for (let i = 0; i < 2; i++) expect((await fetchFrom(running.url)).whole).toBe(false)
    await vi.waitFor(() => expect(mount.responses.inFlight.size).toBe(0))
    expect(mount.responses.stats().stored).toBe(0)
  })

  test.each([
    ['less', 20],
    ['more', 3],
    ['some, declared none', 0],
  ])('with %s content than declared is not stored', async (_name, length) => {
    const mount = mounted({ ttl: 60_000 })
    running = await serve(
      kind,
      (_request, response) => {
        response.writeHead(200, { 'Content-Length': length, Connection: 'close' })
        response.write('ten ')
        response.end('bytes.')
      },
      mount,
    )
    await fetchFrom(running.url).catch(() => undefined)
    await vi.waitFor(() => expect(mount.responses.inFlight.size).toBe(0))
    expect(mount.responses.stats()).toMatchObject({ stored: 0, refused: 1 })
  })

  test('whose end throws after a part is not stored', async () => {
    const mount = mounted({ ttl: 60_000 })
    running = await serve(
      kind,
      (_request, response) => {
        response.write('a')
        try {
          response.end(5 as never)
        } catch {
          response.end('b')
        }
      },
      mount,
    )
    for (let i = 0; i < 2; i++) expect((await fetchFrom(running.url)).body).toBe('ab')
    expect(mount.responses.stats().stored).toBe(0)
  })
})

describe('a client', () => {
  let running: Running
  afterEach(() => running.close())

  test.each([
    ['before the head', 'head', false],
    ['in mid content', 'content', false],
    ['after the end', 'end', true],
  ] as const)('that leaves %s: stored %s', async (_name, stage, stored) => {
    const mount = mounted({ ttl: 60_000 })
    const client = new AbortController()
    const gone = Promise.withResolvers<void>()
    running = await serve(
      'node',
      async (_request, response) => {
        const leave = async (): Promise<void> => {
          const closed = once(response, 'close')
          client.abort()
          await closed
        }
        if (stage === 'head') await leave()
        response.setHeader('X-A', '1')
        response.write('some ')
        if (stage === 'content') await leave()
        response.end(Buffer.alloc(4_000_000 - 5))
        if (stage === 'end') await leave()
        gone.resolve()
      },
      mount,
    )
    await fetch(running.url, { signal: client.signal })
      .then(async (response) => (stage === 'end' ? undefined : await response.text()))
      .catch(() => undefined)
    await gone.promise
    await vi.waitFor(() => expect(mount.responses.inFlight.size).toBe(0))
    expect(mount.responses.stats().stored).toBe(stored ? 1 : 0)
  })
})
