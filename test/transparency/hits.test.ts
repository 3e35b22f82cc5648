import { afterAll, beforeAll, describe, expect, test, vi } from 'vitest'
import { fetchFrom, isHit, linesWithout } from './client.ts'
import { shapes } from './shapes.ts'
import { type Kind, type Mounted, mounted, type Running, serve } from './subjects.ts'

/** Fields of one message or one connection. */
const own = [
  'date',
  'age',
  'cache-status',
  'connection',
  'keep-alive',
  'transfer-encoding',
  'content-length',
  'trailer',
]

/** Whatever the lifetime says: a cookie, a status that speaks of one request, content that does not agree with its head. */
const neverStored = [
  'writeHead with set-cookie array',
  'setHeaders(Headers)',
  'Set-Cookie array',
  'bad value in writeHead, then an error page',
  'bad reason in writeHead, then an error page',
  'writeHead(status)',
  'writeHead(status, reason)',
  '204 with content that Node drops',
  '304',
  '500',
  'end of no content, then end',
  'strictContentLength',
  'Content-Length too large',
  'Content-Length too small',
  'destroyed before the head',
  'destroyed after the head',
]

describe.each<Kind>(['node', 'express 5', 'express 4'])('a second request on %s', (kind) => {
  let running: Running
  let mount: Mounted
  beforeAll(async () => {
    mount = mounted({ ttl: 60_000 })
    const handler = (request: Parameters<(typeof shapes)[0]['handle']>[2], response: never): void => {
      const shape = shapes[Number(new URL(request.url ?? '', 'http://origin.test').searchParams.get('shape'))]
      const handled = async (): Promise<unknown> => shape?.handle(response, () => {}, request)
      ;(response as NodeJS.EventEmitter).on('error', () => {})
      handled().catch(() => (response as { destroy(): void }).destroy())
    }
    running = await serve(kind, handler as never, mount)
  })
  afterAll(() => running.close())

  test.each(shapes.map(({ name }, i) => [name, i] as const))('has what the first had: %s', async (name, i) => {
    const url = `${running.url}/?shape=${i}`
    const ask = () => fetchFrom(url).catch(() => undefined)
    const first = await ask()
    const second = await ask()
    // Node takes pairs only where no field is set; Express sets X-Powered-By.
    const throws = kind !== 'node' && name === 'writeHead(status, array of pairs)'
    expect(second !== undefined && isHit(second)).toBe(!neverStored.includes(name) && !throws)
    expect(second?.body).toBe(first?.body)
    expect(second?.status).toBe(first?.status)
    expect(second?.reason).toBe(first?.reason)
    expect(linesWithout(second?.lines ?? [], own)).toEqual(linesWithout(first?.lines ?? [], own))
    await vi.waitFor(() => expect(mount.responses.inFlight.size).toBe(0))
  })
})
