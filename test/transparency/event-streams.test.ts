import type { IncomingMessage, ServerResponse } from 'node:http'
import { setTimeout as sleep } from 'node:timers/promises'
import { afterEach, describe, expect, test, vi } from 'vitest'
import { open } from './client.ts'
import { type Kind, mounted, type Running, serve } from './subjects.ts'

/** Long before the time that requests wait for each other's answers. */
const atOnce = 1_000

async function firstChunk(response: IncomingMessage): Promise<string> {
  const chunk = await new Promise<Buffer>((resolve) => response.once('data', resolve))
  return String(chunk)
}

describe.each<Kind>(['node', 'express 5', 'express 4'])('server-sent events on %s', (kind) => {
  let running: Running
  afterEach(() => running.close())

  test.each([
    ['without a lifetime', {}],
    ['under a mount that gives everything a lifetime', { ttl: 60_000 }],
    ['under a mount that overrides lifetimes', { ttl: 60_000, force: true }],
  ])('reach every client at once and are not stored, %s', async (_name, options) => {
    const mount = mounted(options)
    const clients: ServerResponse[] = []
    running = await serve(
      kind,
      (_request, response) => {
        response.writeHead(200, { 'Content-Type': 'text/event-stream; charset=utf-8' })
        response.flushHeaders()
        response.write(`data: hello ${clients.push(response)}\n\n`)
      },
      mount,
    )
    const start = performance.now()
    const streams = [await open(running.url), await open(running.url), await open(running.url)]
    expect(await Promise.all(streams.map(firstChunk))).toEqual([1, 2, 3].map((n) => `data: hello ${n}\n\n`))
    expect(performance.now() - start).toBeLessThan(atOnce)
    clients[1]?.write('data: second\n\n')
    expect(await firstChunk(streams[1] as IncomingMessage)).toBe('data: second\n\n')
    for (const client of clients) client.end()
    await vi.waitFor(() => expect(mount.responses.inFlight.size).toBe(0))
    expect(mount.responses.stats().stored).toBe(0)
  })

  test('heads that are flushed arrive before the content, recorded or not', async () => {
    for (const options of [{}, { ttl: 60_000 }]) {
      let finish = (): void => {}
      running = await serve(
        kind,
        async (_request, response) => {
          response.setHeader('X-Early', 'yes')
          response.flushHeaders()
          await new Promise<void>((resolve) => {
            finish = resolve
          })
          response.end('later')
        },
        mounted(options),
      )
      const response = await open(running.url)
      expect(response.headers['x-early']).toBe('yes')
      await sleep(5)
      finish()
      expect(await firstChunk(response)).toBe('later')
      await running.close()
    }
  })
})
