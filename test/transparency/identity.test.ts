import { createServer } from 'node:http'
import express from 'express'
import express4 from 'express4'
import { afterAll, beforeAll, describe, expect, test, vi } from 'vitest'
import { expressShapes } from './express-shapes.ts'
import { normalised, type RawRequest, requestText, sendRaw } from './raw-client.ts'
import type { Shape } from './shape.ts'
import { shapes } from './shapes.ts'
import { appOf, type Kind, listen, type Mounted, mounted, type Running, serve } from './subjects.ts'

/** What a handler saw, by the number in its URL. */
const seen = new Map<string, unknown[]>()
let number = 0

function handleShape(request: Parameters<Shape['handle']>[2], response: Parameters<Shape['handle']>[0]): void {
  const url = new URL(request.url ?? '', 'http://origin.test')
  const shape = shapes[Number(url.searchParams.get('shape'))] as Shape
  const noted: unknown[] = []
  seen.set(url.searchParams.get('n') as string, noted)
  const note = (...what: unknown[]): void => void noted.push(what)
  const fail = (error: NodeJS.ErrnoException): void => {
    note('failed', error.code ?? error.message)
    try {
      response.writeHead(500).end('failed')
    } catch {
      response.destroy()
    }
  }
  response.on('error', (error: NodeJS.ErrnoException) => note('error', error.code))
  void (async () => shape.handle(response, note, request))().catch(fail)
}

/** How the cache is mounted: with a lifetime for all answers they are recorded, without one they pass. */
const mounts: readonly (readonly [string, () => Mounted])[] = [
  ['that stores nothing', () => mounted()],
  ['that stores nothing and names itself nowhere', () => mounted({ cacheStatus: false })],
  ['that records what it can', () => mounted({ ttl: 60_000 })],
  ['that records and names itself nowhere', () => mounted({ ttl: 60_000, cacheStatus: false })],
]

const manners: readonly (readonly [string, (path: () => string) => RawRequest[]])[] = [
  ['HTTP/1.1', (path) => [{ path: path(), lines: ['Connection: close'] }]],
  [
    'HTTP/1.1 kept alive and pipelined',
    (path) => [{ path: path() }, { path: path() }, { path: path(), lines: ['Connection: close'] }],
  ],
  ['HTTP/1.0', (path) => [{ path: path(), version: '1.0' }]],
  ['HEAD', (path) => [{ path: path(), method: 'HEAD', lines: ['Connection: close'] }]],
]

/** The bytes that come back and what the handlers saw. */
async function observe(port: number, query: string, manner: (path: () => string) => RawRequest[], breaks: boolean) {
  const numbers: string[] = []
  const requests = manner(() => {
    const n = String(++number)
    numbers.push(n)
    return `/?${query}&n=${n}`
  })
  const bytes = await sendRaw(port, (breaks ? requests.slice(-1) : requests).map(requestText).join(''))
  await new Promise((resolve) => setTimeout(resolve, 4))
  return { bytes: normalised(bytes), seen: numbers.map((n) => seen.get(n)) }
}

describe.each<Kind>(['node', 'express 5', 'express 4'])('on %s', (kind) => {
  let bare: Running
  beforeAll(async () => {
    bare = await serve(kind, handleShape, undefined)
  })
  afterAll(() => bare.close())

  describe.each(mounts)('a cache %s', (_name, newMount) => {
    let running: Running
    let mount: Mounted
    beforeAll(async () => {
      mount = newMount()
      running = await serve(kind, handleShape, mount)
    })
    afterAll(() => running.close())

    test.each(manners)('changes no byte and nothing the handler sees: %s', async (_manner, manner) => {
      const differing: unknown[] = []
      await Promise.all(
        shapes.map(async ({ name, breaks }, i) => {
          const [expected, found] = await Promise.all([
            observe(bare.port, `shape=${i}`, manner, breaks === true),
            observe(running.port, `shape=${i}`, manner, breaks === true),
          ])
          if (JSON.stringify(expected) !== JSON.stringify(found)) differing.push({ name, expected, found })
        }),
      )
      expect(differing).toEqual([])
      expect(mount.responses.inFlight.size).toBe(0)
    })
  })
})

describe.each([5, 4] as const)('what Express %i adds', (version) => {
  const framework = version === 5 ? express : express4
  const handler: express.RequestHandler = (request, response, next) => {
    const shape = expressShapes[Number(request.query.shape)]
    return shape?.handle(response, request, next)
  }
  let bare: Running
  beforeAll(async () => {
    vi.spyOn(console, 'error').mockImplementation(() => {})
    bare = await listen(createServer(appOf(framework, handler, undefined)))
  })
  afterAll(async () => {
    vi.restoreAllMocks()
    await bare.close()
  })

  test.each(mounts)('is the same with a cache %s', async (_name, newMount) => {
    const mount = newMount()
    const running = await listen(createServer(appOf(framework, handler, mount)))
    const differing: unknown[] = []
    for (const [i, { name, lines = [], only }] of expressShapes.entries()) {
      if (only !== undefined && only !== version) continue
      for (const method of ['GET', 'HEAD']) {
        const request = (): RawRequest[] => [
          { path: `/?shape=${i}&n=${++number}`, method, lines: [...lines, 'Connection: close'] },
        ]
        const [expected, found] = await Promise.all([
          sendRaw(bare.port, request().map(requestText).join('')),
          sendRaw(running.port, request().map(requestText).join('')),
        ])
        if (normalised(expected) !== normalised(found)) differing.push({ name, method, expected, found })
      }
    }
    await running.close()
    expect(differing).toEqual([])
    expect(mount.responses.inFlight.size).toBe(0)
  })
})
