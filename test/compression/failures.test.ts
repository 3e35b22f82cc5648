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

const creators = {
  zstd: 'createZstdCompress',
  br: 'createBrotliCompress',
  gzip: 'createGzip',
  deflate: 'createDeflate',
} as const

/** As Node does where zlib has no memory for its tables. */
const failToBegin = (): never => {
  throw Object.assign(new Error('Initialization failed'), { code: 'ERR_ZLIB_INITIALIZATION_FAILED' })
}

describe.each(Object.entries(creators))('a stream in %s that cannot begin', (coding, creator) => {
  const much = textOf(1_500_000)
  const ways: [what: string, answer: (response: ServerResponse) => unknown, content: string][] = [
    [
      'a stream',
      (response) => {
        response.write(much)
        setImmediate(() => response.end('the end'))
      },
      `${much}the end`,
    ],
    [
      'a stream whose length is told',
      (response) => {
        response.setHeader('Content-Length', 10_000)
        response.write(textOf(10_000))
        setImmediate(() => response.end())
      },
      textOf(10_000),
    ],
    [
      'little that was held until its writer paused',
      (response) => {
        response.write('a')
        response.write('b')
        setTimeout(() => response.end('c'), 5)
      },
      'abc',
    ],
    [
      'events',
      (response) => {
        response.writeHead(200, { 'Content-Type': 'text/event-stream' })
        response.write('data: 1\n\n')
        response.end('data: 2\n\n')
      },
      'data: 1\n\ndata: 2\n\n',
    ],
    [
      'what is flushed',
      (response) => {
        response.write('so far')
        ;(response as ServerResponse & { flush(): void }).flush()
        response.end(' and more')
      },
      'so far and more',
    ],
    [
      'a head that is flushed',
      (response) => {
        response.flushHeaders()
        setImmediate(() => response.end(much))
      },
      much,
    ],
    ['more than is held', (response) => response.end(much), much],
    [
      'more than is held, behind a little',
      (response) => {
        response.write('a little')
        response.end(much)
      },
      `a little${much}`,
    ],
  ]

  test.each(ways)('%s is sent as it is, and the next answer is encoded', async (_what, answer, content) => {
    const creating = vi.spyOn(zlib, creator).mockImplementationOnce(failToBegin)
    const server = await start(shieldSubject, {
      compression: { concurrency: 1, store: memoryStore() },
      raw: (_request, response) => {
        response.setHeader('Content-Type', 'text/plain').setHeader('ETag', '"a"')
        answer(response)
      },
    })
    const got = await server.ask(coding)
    expect(creating).toHaveBeenCalledTimes(1)
    expect([got.whole, got.text === content]).toEqual([true, true])
    expect(got.headers).toMatchObject({ etag: '"a"', vary: 'Accept-Encoding' })
    expect(got.headers).not.toHaveProperty('content-encoding')
    const next = await server.ask(coding)
    expect([next.headers['content-encoding'], next.text === content]).toEqual([coding, true])
  })

  test('tells whoever asked of its writes and of its end, and when to go on', async () => {
    const told: string[] = []
    const creating = vi.spyOn(zlib, creator).mockImplementationOnce(failToBegin)
    const server = await start(shieldSubject, {
      raw: (_request, response) => {
        response.setHeader('Content-Type', 'text/plain')
        response.on('drain', () => told.push('drain'))
        response.write('held', () => told.push('held'))
        expect(response.write(much, () => told.push('much'))).toBe(false)
        response.once('drain', () => response.end('the end', () => told.push('end')))
      },
    })
    expect((await server.ask(coding)).text).toBe(`held${much}the end`)
    expect(creating).toHaveBeenCalledTimes(1)
    await expect.poll(() => told).toContain('end')
    expect(told.filter((what) => what !== 'drain')).toEqual(['held', 'much', 'end'])
    expect(told).toContain('drain')
  })
})

describe('a stream that fails in the middle', () => {
  test('breaks off its own answer, tells who waits, and gives its place to others', async () => {
    const told: unknown[] = []
    const server = await start(shieldSubject, {
      compression: { order: ['zstd'], concurrency: 1, store: memoryStore() },
      raw: (request, response) => {
        response.writeHead(200, { ...plain, ...(request.url === '/broken' && { 'Content-Length': '2000' }) })
        response.write(newText(5_000), (error) => told.push(error instanceof Error))
        setImmediate(() => response.end(newText(100_000)))
      },
    })
    // zstd refuses content that is longer than it was told.
    for (let i = 0; i < 3; i++) {
      const outcome = await server.ask('zstd', { path: '/broken' }).then(
        ({ whole }) => whole,
        () => false,
      )
      expect(outcome).toBe(false)
    }
    expect(told).toEqual([true, true, true])
    const got = await server.ask('zstd')
    expect([got.headers['content-encoding'], got.text.length > 105_000]).toEqual(['zstd', true])
  })

  test('gives its place to others where its client has gone meanwhile, too', async () => {
    const { createBrotliCompress } = zlib
    const steps: (() => void)[] = []
    vi.spyOn(zlib, 'createBrotliCompress').mockImplementationOnce((options) => {
      const stream = createBrotliCompress(options)
      // A step that is under way until the test lets it fail.
      stream._transform = () => void steps.push(() => stream.destroy(new Error('on purpose')))
      return stream
    })
    const closed = vi.fn()
    const server = await start(shieldSubject, {
      compression: { order: ['br'], concurrency: 1, store: memoryStore() },
      raw: (request, response) => {
        response.writeHead(200, plain)
        response.once('close', closed)
        response.write(newText(5_000))
        if (request.url === '/gone') response.destroy()
        else response.end()
      },
    })
    await server.ask('br', { path: '/gone' }).catch(() => {})
    await expect.poll(() => closed.mock.calls.length).toBe(1)
    expect(steps).toHaveLength(1)
    steps[0]?.()
    expect((await server.ask('br')).headers['content-encoding']).toBe('br')
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
  expect(fail).toHaveBeenCalledTimes(6)
})
