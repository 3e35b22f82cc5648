/** Where encoding fails, or a layer beneath does, one answer is the worse for it and no other. */
import type { ServerResponse } from 'node:http'
import zlib from 'node:zlib'
import { memoryStore, type Store } from 'breakwater'
import { afterEach, describe, expect, test, vi } from 'vitest'
import { type Listener, type Listening, listen } from '../bridges/wire.ts'
import { start, textOf } from './subject.ts'
import { shieldOf, shieldSubject } from './subjects/shield.ts'
import { ask } from './wire.ts'

const running: Listening[] = []
afterEach(async () => {
  vi.restoreAllMocks()
  await Promise.all(running.splice(0).map(({ close }) => close()))
})

const plain = { 'Content-Type': 'text/plain' }
let made = 0
/** Text that was never encoded before. */
const newText = (bytes: number): string => `${++made}: ${textOf(bytes)}`

describe('zlib without memory', () => {
  /** Asks for content of so many bytes that is new each time; says in which coding it came. */
  async function serve(): Promise<(bytes: number) => Promise<string | undefined>> {
    let content = ''
    const server = await start(shieldSubject, {
      compression: { order: ['br'], concurrency: 1, store: memoryStore() },
      raw: (_request, response) => response.writeHead(200, plain).end(content),
    })
    return async (bytes) => {
      content = newText(bytes)
      const { headers, text } = await server.ask('br')
      expect(text).toBe(content)
      return headers['content-encoding']
    }
  }

  const fail = (): never => {
    throw new Error('zlib: no memory')
  }

  test.each([
    ['at once', 'brotliCompressSync', 5_000],
    ['in a thread', 'brotliCompress', 100_000],
  ] as const)('sends content as it is, and goes on when there is some: %s', async (_how, method, size) => {
    const request = await serve()
    const broken = vi.spyOn(zlib, method).mockImplementation(fail)
    for (let i = 0; i < 3; i++) expect(await request(size)).toBeUndefined()
    expect(broken).toHaveBeenCalledTimes(3)
    broken.mockRestore()
    expect(await request(size)).toBe('br')
    // The only place is free again.
    expect(await request(100_000)).toBe('br')
    expect(await request(1_500_000)).toBe('br')
  })

  test('hands on its place to who waits for it', async () => {
    const broken = vi.spyOn(zlib, 'brotliCompress').mockImplementationOnce(fail)
    const { port } = await start(shieldSubject, {
      compression: { order: ['br'], concurrency: 1, store: memoryStore() },
      raw: (_request, response) => response.writeHead(200, plain).end(newText(100_000)),
    })
    const answers = await Promise.all(Array.from({ length: 5 }, () => ask(port, 'br')))
    expect(answers.filter(({ headers }) => headers['content-encoding'] === 'br')).toHaveLength(4)
    expect(broken).toHaveBeenCalledTimes(5)
  })
})

describe('a layer beneath that throws', () => {
  test.each([
    ['write', 5_000],
    ['write', 1_500_000],
    ['end', 5_000],
    ['end', 100_000],
    ['end', 1_500_000],
  ] as const)('in %s breaks off its own answer of %i bytes, and the server goes on', async (method, size) => {
    const shielded = shieldOf({
      raw: (request, response) => {
        response.writeHead(200, plain)
        if (request.url === '/pieces') response.write(newText(size))
        response.end(newText(size))
      },
    })
    const throwing: Listener = async (request, response) => {
      const beneath = response[method]
      response[method] = function (this: ServerResponse, ...given: unknown[]) {
        if (request.headers['x-throw'] !== undefined) throw new Error('on purpose')
        return Reflect.apply(beneath, this, given)
      } as never
      await new Promise((resolve) => resolve(shielded(request, response))).catch(() => response.destroy())
    }
    const listening = await listen(throwing)
    running.push(listening)
    const path = method === 'write' ? '/pieces' : '/whole'
    const broken = await ask(listening.port, 'gzip', { path, headers: { 'X-Throw': 'yes' } }).then(
      ({ whole }) => whole,
      () => false,
    )
    expect(broken).toBe(false)
    expect((await ask(listening.port, 'gzip', { path })).whole).toBe(true)
  })
})

test('a near store that throws costs only what it would have saved', async () => {
  const fail = vi.fn(() => {
    throw new Error('broken')
  })
  const store: Store = Object.assign(Object.create(memoryStore()), { get: fail, set: fail })
  const server = await start(shieldSubject, {
    compression: { store },
    handler: () => ({ headers: plain, body: textOf(50_000) }),
  })
  for (let i = 0; i < 3; i++) {
    const got = await server.ask('gzip')
    expect([got.headers['content-encoding'], got.text.length]).toEqual(['gzip', 50_000])
  }
  expect(fail.mock.calls.length).toBeGreaterThan(5)
})
