import type { IncomingMessage, ServerResponse } from 'node:http'
import { setTimeout as sleep } from 'node:timers/promises'
import { memoryStore, ResponseCache } from 'breakwater'
import { afterEach, describe, expect, test, vi } from 'vitest'
import { fetchFrom, open } from './client.ts'
import { type Handler, type Kind, type Mounted, mounted, type Running, serve } from './subjects.ts'

const collapsed = ({ headers }: Pick<IncomingMessage, 'headers'>): boolean =>
  String(headers['cache-status']).includes('collapsed')

describe.each<Kind>(['node', 'express 5'])('requests for the same on %s', (kind) => {
  let running: Running
  let mount: Mounted
  afterEach(() => running.close())

  async function start(handler: Handler, options = {}): Promise<void> {
    mount = mounted({ ttl: 60_000, ...options })
    running = await serve(kind, handler, mount)
  }

  test.each([
    ['known', true],
    ['unknown', false],
  ])('200 at once with %s length run the handler once', async (_name, withLength) => {
    const body = 'x'.repeat(10_000)
    const all = Promise.withResolvers<void>()
    let arrived = 0
    const handler = vi.fn(async (_request: IncomingMessage, response: ServerResponse) => {
      await all.promise
      if (withLength) response.setHeader('Content-Length', body.length)
      response.write(body.slice(0, 5_000))
      await sleep(50)
      response.end(body.slice(5_000))
    })
    await start(handler)
    running.server.on('request', () => void (++arrived === 200 && all.resolve()))
    const answers = await Promise.all(Array.from({ length: 200 }, () => fetchFrom(running.url)))
    expect(handler).toHaveBeenCalledTimes(1)
    expect(answers.every((answer) => answer.whole && answer.body === body)).toBe(true)
    expect(answers.filter(collapsed)).toHaveLength(199)
    expect(mount.responses.inFlight.size).toBe(0)
  })

  test('followers of a slow leader with known length receive bytes before it ends', async () => {
    let finish = (): void => {}
    await start((_request, response) => {
      response.setHeader('Content-Length', 11)
      response.write('early ')
      finish = () => response.end('later')
    })
    const leader = await open(running.url)
    const follower = await open(running.url)
    const first = await new Promise<Buffer>((resolve) => follower.once('data', resolve))
    expect(String(first)).toBe('early ')
    expect(collapsed(follower)).toBe(true)
    finish()
    let rest = ''
    for await (const chunk of follower) rest += chunk
    expect(rest).toBe('later')
    leader.resume()
  })

  test('a follower that reads slowly slows neither the leader nor others', async () => {
    const block = Buffer.alloc(512 * 1024, 'x')
    await start(async (_request, response) => {
      response.setHeader('Content-Length', block.length * 6)
      response.write(block)
      await sleep(100)
      for (let i = 0; i < 4; i++) response.write(block)
      response.end(block)
    })
    const leader = open(running.url)
    await sleep(20)
    const slow = await open(running.url)
    const quick = fetchFrom(running.url)
    let bytes = 0
    for await (const chunk of await leader) bytes += chunk.length
    expect(bytes).toBe(block.length * 6)
    expect((await quick).body.length).toBe(block.length * 6)
    bytes = 0
    for await (const chunk of slow) bytes += chunk.length
    expect(bytes).toBe(block.length * 6)
  })

  test('a leader whose client leaves before the head is followed by another', async () => {
    let runs = 0
    await start(async (_request, response) => {
      const run = ++runs
      await sleep(run === 1 ? 300 : 20)
      response.end(`run ${run}`)
    })
    const client = new AbortController()
    const leader = fetch(running.url, { signal: client.signal }).catch(() => 'gone')
    await vi.waitFor(() => expect(runs).toBe(1))
    const followers = Array.from({ length: 10 }, () => fetchFrom(running.url))
    await sleep(50)
    client.abort()
    expect(await leader).toBe('gone')
    const bodies = (await Promise.all(followers)).map(({ body }) => body)
    expect(new Set(bodies)).toEqual(new Set(['run 2']))
    expect(runs).toBe(2)
    await vi.waitFor(() => expect(mount.responses.inFlight.size).toBe(0))
  })

  test('followers with bytes of a leader that dies are cut, those without go on', async () => {
    let die = (): void => {}
    let runs = 0
    await start((_request, response) => {
      runs++
      response.setHeader('Content-Length', 11)
      if (runs > 1) return response.end('second run!')
      response.write('begun ')
      die = () => response.destroy()
    })
    const leader = fetchFrom(running.url)
    await vi.waitFor(() => expect(runs).toBe(1))
    const cut = await open(running.url)
    expect(collapsed(cut)).toBe(true)
    const ended = new Promise((resolve) => cut.on('error', () => {}).on('close', () => resolve(cut.complete)))
    cut.resume()
    die()
    expect(await ended).toBe(false)
    expect((await leader).whole).toBe(false)
    expect(await fetchFrom(running.url)).toMatchObject({ body: 'second run!', whole: true })
    await vi.waitFor(() => expect(mount.responses.inFlight.size).toBe(0))
  })

  test('followers that leave while they wait leave nothing behind', async () => {
    let runs = 0
    await start(async (_request, response) => {
      runs++
      await sleep(150)
      response.end('once')
    })
    const leader = fetchFrom(running.url)
    await vi.waitFor(() => expect(runs).toBe(1))
    const client = new AbortController()
    const followers = Array.from({ length: 20 }, () =>
      fetch(running.url, { signal: client.signal }).catch(() => 'gone'),
    )
    await sleep(50)
    client.abort()
    expect(await Promise.all(followers)).toEqual(Array(20).fill('gone'))
    expect((await leader).body).toBe('once')
    await vi.waitFor(() => expect(mount.responses.inFlight.size).toBe(0))
    expect(runs).toBe(1)
  })

  test('a follower that waited long enough goes its own way', async () => {
    let runs = 0
    await start(
      async (_request, response) => {
        const run = ++runs
        if (run === 1) await sleep(400)
        response.end(`run ${run}`)
      },
      { collapse: { timeout: 50 } },
    )
    const leader = fetchFrom(running.url)
    await vi.waitFor(() => expect(runs).toBe(1))
    expect((await fetchFrom(running.url)).body).toBe('run 2')
    expect((await leader).body).toBe('run 1')
    await vi.waitFor(() => expect(mount.responses.inFlight.size).toBe(0))
  })

  test('that were too large once are not copied again for a while', async () => {
    const store = memoryStore({ maxEntrySize: 1_000 })
    const reserved = vi.spyOn(store, 'reserve')
    await start(
      (_request, response) => {
        for (let i = 0; i < 20; i++) response.write('x'.repeat(100))
        response.end()
      },
      { cache: new ResponseCache({ store }) },
    )
    await fetchFrom(running.url)
    expect(reserved).toHaveBeenCalledTimes(10)
    for (let i = 0; i < 3; i++) expect((await fetchFrom(running.url)).body).toHaveLength(2_000)
    expect(reserved).toHaveBeenCalledTimes(10)
  })

  test('50 with cookies of their own to a private handler all run at once', async () => {
    let running50 = 0
    let most = 0
    await start(
      async (request, response) => {
        most = Math.max(most, ++running50)
        await sleep(100)
        running50--
        response.setHeader('Cache-Control', 'private')
        response.end(`for ${request.headers.cookie}`)
      },
      { ttl: undefined },
    )
    const users = Array.from({ length: 50 }, (_, i) => `user=${i}`)
    const answers = await Promise.all(users.map((Cookie) => fetchFrom(running.url, { Cookie })))
    expect(answers.map(({ body }) => body)).toEqual(users.map((user) => `for ${user}`))
    expect(most).toBe(50)
  })

  test('whose answers cannot be shared wait at most for the first one', async () => {
    let now = 0
    let most = 0
    await start(async (_request, response) => {
      most = Math.max(most, ++now)
      await sleep(100)
      now--
      response.setHeader('Cache-Control', 'no-store')
      response.end('own')
    })
    const all = (): Promise<unknown> => Promise.all(Array.from({ length: 20 }, () => fetchFrom(running.url)))
    await all()
    expect(most).toBe(19)
    most = 0
    await all()
    expect(most).toBe(20)
  })
})
