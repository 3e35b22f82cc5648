import { Agent, type IncomingMessage, request, type ServerResponse } from 'node:http'
import type { Socket } from 'node:net'
import { Readable } from 'node:stream'
import { memoryStore, ResponseCache } from 'breakwater'
import { afterEach, describe, expect, test, vi } from 'vitest'
import { type Kind, mounted, type Running, serve } from './subjects.ts'

const requests = 2_000

/** What a request is answered with, by kind; the number makes URLs that differ where that is wanted. */
const kinds: readonly (readonly [string, (n: number) => string, (response: ServerResponse, n: number) => unknown])[] = [
  ['hits', () => '/', (response) => response.end('same')],
  ['misses that are stored', (n) => `/${n}`, (response) => response.end('each its own')],
  ['misses that are not stored', () => '/', (response) => response.setHeader('Cache-Control', 'no-store').end('x')],
  ['streams', (n) => `/${n}`, (response) => Readable.from(['a', 'b']).pipe(response)],
  [
    'broken answers',
    (n) => `/${n}`,
    (response) => {
      response.writeHead(200, { 'Content-Length': 2 })
      response.end('x'.repeat(3))
    },
  ],
  ['conditional requests', () => '/', (response) => response.setHeader('ETag', '"a"').end('same')],
]

describe.each<Kind>(['node', 'express 5'])('on %s', (kind) => {
  let running: Running
  afterEach(() => running.close())

  test.each(kinds)(`${requests} %s leave nothing behind`, async (name, path, answer) => {
    const store = memoryStore()
    const mount = mounted({ cache: new ResponseCache({ store }), ttl: 60_000 })
    const sockets = new Set<Socket>()
    running = await serve(kind, (incoming, response) => answer(response, Number(incoming.url?.slice(1))), mount)
    running.server.on('connection', (socket) => sockets.add(socket))
    const agent = new Agent({ keepAlive: true, maxSockets: 20 })
    const headers = name === 'conditional requests' ? { 'If-None-Match': '"a"' } : {}
    const ask = (n: number): Promise<void> =>
      new Promise((resolve) => {
        request(`${running.url}${path(n)}`, { agent, headers }, (response: IncomingMessage) => {
          response
            .on('error', () => {})
            .on('close', resolve)
            .resume()
        })
          .on('error', () => resolve())
          .end()
      })
    await ask(0)
    const listeners = (): number[] =>
      [...sockets]
        .filter((socket) => !socket.destroyed)
        .flatMap((socket) => socket.eventNames().map((event) => socket.listenerCount(event)))
    for (let n = 1; n < requests; n += 20) await Promise.all(Array.from({ length: 20 }, (_, i) => ask(n + i)))
    expect(Math.max(0, ...listeners())).toBeLessThan(6)
    expect(mount.responses.inFlight.size).toBe(0)
    agent.destroy()
    await vi.waitFor(() => expect([...sockets].every(({ destroyed }) => destroyed)).toBe(true))
    await store.clear()
    expect(store.size).toBe(0)
    const timers = process.getActiveResourcesInfo().filter((resource) => resource === 'Timeout')
    expect(timers.length).toBeLessThan(5)
  })
})
