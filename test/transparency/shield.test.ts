import { createServer, type IncomingMessage, type ServerResponse } from 'node:http'
import { setTimeout as sleep } from 'node:timers/promises'
import { memoryStore, ResponseCache } from 'breakwater'
import { shield } from 'breakwater/node'
import { afterEach, describe, expect, test, vi } from 'vitest'
import { HeldClock } from '../store/held-clock.ts'
import { fetchFrom } from './client.ts'
import { listen, type Running } from './subjects.ts'

type Listener = (request: IncomingMessage, response: ServerResponse) => unknown

const thrown = new Error('on purpose')

/** Ways in which a listener fails before it has answered. */
const failures: readonly (readonly [string, Listener])[] = [
  [
    'throws',
    () => {
      throw thrown
    },
  ],
  [
    'rejects at once',
    async () => {
      throw thrown
    },
  ],
  [
    'rejects later',
    async () => {
      await sleep(5)
      throw thrown
    },
  ],
]

describe('shield', () => {
  let running: Running
  const escaped: unknown[] = []
  afterEach(async () => {
    escaped.length = 0
    await running.close()
  })

  /** What a listener throws or rejects with escapes to its server, which answers here as nobody else would. */
  async function start(listener: Listener): Promise<void> {
    running = await listen(
      createServer(async (request, response) => {
        try {
          await listener(request, response)
        } catch (error) {
          escaped.push(error)
          if (!response.headersSent) response.writeHead(500).end('escaped')
          else response.destroy()
        }
      }),
    )
  }

  function guarded(listener: Listener, clock = new HeldClock(), far = false) {
    const near = memoryStore({ clock })
    const store = far
      ? {
          name: 'far',
          near: false,
          maxEntrySize: near.maxEntrySize,
          get: async (key: string) => near.get(key),
          set: async (...item: Parameters<typeof near.set>) => near.set(...item),
          delete: async (key: string) => near.delete(key),
          clear: async () => near.clear(),
          reserve: (bytes: number) => near.reserve(bytes),
          release: (bytes: number) => near.release(bytes),
        }
      : near
    const cache = new ResponseCache({ store, clock })
    return { cache, clock, listener: shield(listener, { cache: { cache, ttl: 1_000, staleIfError: 60_000 } }) }
  }

  const stores = [
    ['near', false],
    ['far', true],
  ] as const

  describe.each(stores)('before a %s store', (_store, far) => {
    test.each(failures)('a listener that %s fails as without it', async (_name, fail) => {
      const { cache, listener } = guarded(fail, new HeldClock(), far)
      await start(listener)
      expect(await fetchFrom(running.url)).toMatchObject({ status: 500, body: 'escaped' })
      expect(escaped).toEqual([thrown])
      await vi.waitFor(() => expect(cache.inFlight.size).toBe(0))
    })

    test.each(failures)('a listener that %s is answered for with what is stale', async (_name, fail) => {
      let runs = 0
      const { cache, clock, listener } = guarded(
        (request, response) => (++runs === 1 ? response.setHeader('X-A', '1').end('first') : fail(request, response)),
        new HeldClock(),
        far,
      )
      await start(listener)
      await fetchFrom(running.url)
      clock.pass(5_000)
      const second = await fetchFrom(running.url)
      expect(second).toMatchObject({ status: 200, body: 'first' })
      expect(second.headers['x-a']).toBe('1')
      expect(second.headers['cache-status']).toContain('detail=origin-failed')
      expect(escaped).toEqual([])
      expect(runs).toBe(2)
      expect(cache.inFlight.size).toBe(0)
    })

    test('a listener that fails after its head fails as without it', async () => {
      const { cache, listener } = guarded(
        async (_request, response) => {
          response.write('part')
          await sleep(5)
          throw thrown
        },
        new HeldClock(),
        far,
      )
      await start(listener)
      expect((await fetchFrom(running.url)).whole).toBe(false)
      expect(escaped).toEqual([thrown])
      await vi.waitFor(() => expect(cache.inFlight.size).toBe(0))
    })

    test.each([500, 502, 503, 504])(
      'an answer of %i is replaced by what is stale, in whatever way it is written',
      async (status) => {
        const ways: ((response: ServerResponse) => unknown)[] = [
          (response) => response.writeHead(status).end('broken'),
          (response) => response.writeHead(status, { 'X-Broken': 'yes' }).end('broken', () => {}),
          (response) => Object.assign(response, { statusCode: status }).end('broken'),
          (response) => Object.assign(response, { statusCode: status }).end(),
          (response) => {
            response.statusCode = status
            response.setHeader('X-Broken', 'yes')
            response.write('bro')
            setTimeout(() => response.end('ken'), 5)
          },
          (response) => {
            response.statusCode = status
            response.flushHeaders()
            response.end('broken')
          },
        ]
        for (const way of ways) {
          let runs = 0
          const { clock, cache, listener } = guarded(
            (_request, response) => (++runs === 1 ? response.end('first') : way(response)),
            new HeldClock(),
            far,
          )
          await start(listener)
          await fetchFrom(running.url)
          clock.pass(5_000)
          const second = await fetchFrom(running.url)
          expect(second).toMatchObject({ status: 200, body: 'first', whole: true })
          expect(second.headers['x-broken']).toBeUndefined()
          await vi.waitFor(() => expect(cache.inFlight.size).toBe(0))
          await running.close()
        }
      },
    )
  })

  test('returns what the listener returns', () => {
    const listener = shield(() => 'returned', { cache: { cache: new ResponseCache({ store: memoryStore() }) } })
    running = { close: async () => {} } as Running
    const request = { method: 'GET', url: '/', headers: { host: 'a' }, socket: null } as unknown as IncomingMessage
    const response = { getHeaderNames: () => [], on: () => {}, headersSent: false } as unknown as ServerResponse
    expect(listener(request, response)).toBe('returned')
  })

  test('is the listener itself where there is nothing to do', async () => {
    const listener: Listener = () => {}
    expect(shield(listener)).toBe(listener)
    running = { close: async () => {} } as Running
  })
})
