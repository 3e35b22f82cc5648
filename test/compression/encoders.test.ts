/** With what settings zlib is asked, and what is told of it. */
import { randomBytes } from 'node:crypto'
import { subscribe, unsubscribe } from 'node:diagnostics_channel'
import zlib from 'node:zlib'
import { Compressor, type Events, memoryStore } from 'breakwater'
import { afterEach, describe, expect, test, vi } from 'vitest'
import { availableCodings, encoderOf } from '../../src/core/compression/encoders.ts'
import { start, textOf } from './subject.ts'
import { shieldSubject } from './subjects/shield.ts'
import { codings } from './wire.ts'

const plain = { 'Content-Type': 'text/plain' }
let made = 0
/** Text that was never encoded before. */
const newText = (bytes: number): string => `${++made}: ${textOf(bytes)}`.slice(0, bytes)

afterEach(() => void vi.restoreAllMocks())

describe('the size of content is told to zstd', () => {
  const sizes = (method: 'zstdCompressSync' | 'zstdCompress' | 'createZstdCompress') => {
    const asked = vi.spyOn(zlib, method)
    return () =>
      asked.mock.calls.map(
        (given) => (given as { pledgedSrcSize?: number }[]).at(method === 'createZstdCompress' ? 0 : 1)?.pledgedSrcSize,
      )
  }

  test.each([
    ['of little content, at once', 'zstdCompressSync', '/whole', 5_000],
    ['of more, in a thread', 'zstdCompress', '/whole', 100_000],
    ['of more than is held', 'createZstdCompress', '/whole', 1_500_000],
    ['of a stream that tells its length', 'createZstdCompress', '/told', 50_000],
    ['and of one that does not, nothing', 'createZstdCompress', '/untold', 50_000],
  ] as const)('%s', async (_what, method, path, size) => {
    const server = await start(shieldSubject, {
      compression: { store: memoryStore() },
      raw: (_request, response) => {
        if (path === '/whole') return response.writeHead(200, plain).end(newText(size))
        response.writeHead(200, { ...plain, ...(path === '/told' && { 'Content-Length': size }) })
        response.write(textOf(size / 2))
        setImmediate(() => response.end(textOf(size / 2)))
      },
    })
    const told = sizes(method)
    const got = await server.ask('zstd')
    expect([got.headers['content-encoding'], got.text.length]).toEqual(['zstd', size])
    expect(told()).toEqual([path === '/untold' ? undefined : size])
  })
})

test('zstd that searches far back asks for no more than 8 MiB of its clients', () => {
  const { ZSTD_c_enableLongDistanceMatching, ZSTD_d_windowLogMax } = zlib.constants
  const encoder = encoderOf('zstd', { zstd: { params: { [ZSTD_c_enableLongDistanceMatching]: 1 } } })
  const content = randomBytes(12 * 1024 * 1024)
  const encoded = encoder.encodeNow(content)
  const decode = () => zlib.zstdDecompressSync(encoded, { params: { [ZSTD_d_windowLogMax]: 23 } })
  expect(decode().equals(content)).toBe(true)
})

describe('without zstd, as in Node before 22.15', () => {
  const property = Object.getOwnPropertyDescriptor(zlib, 'createZstdCompress') as PropertyDescriptor
  const without = (run: () => void): void => {
    Object.defineProperty(zlib, 'createZstdCompress', { ...property, value: undefined })
    try {
      run()
    } finally {
      Object.defineProperty(zlib, 'createZstdCompress', property)
    }
  }

  test('the others are there, in their order', async () => {
    expect(availableCodings()).toEqual(['zstd', 'br', 'gzip', 'deflate'])
    let compression: Compressor | undefined
    without(() => {
      expect(availableCodings()).toEqual(['br', 'gzip', 'deflate'])
      compression = new Compressor()
    })
    const server = await start(shieldSubject, {
      compression: compression as Compressor,
      handler: () => ({ headers: plain, body: newText(5_000) }),
    })
    for (const [accepted, coding] of [
      ['zstd, gzip', 'gzip'],
      ['*', 'br'],
      ['zstd', undefined],
    ]) {
      expect((await server.ask(accepted)).headers['content-encoding']).toBe(coding)
    }
    expect((await server.ask('zstd, identity;q=0')).status).toBe(406)
  })

  test('who asks for it is told so', () => {
    without(() => expect(() => new Compressor({ order: ['zstd'] })).toThrow(/order.*zstd.*this Node does not have it/))
  })
})

describe('events and counts', () => {
  /** What a listener of a channel was told. */
  function listening<Name extends `breakwater:compression:${'encoded' | 'variant' | 'futile'}`>(
    name: Name,
  ): Events[Name][] {
    const told: Events[Name][] = []
    const listener = (message: unknown): void => void told.push(message as Events[Name])
    subscribe(name, listener)
    stops.push(() => unsubscribe(name, listener))
    return told
  }
  const stops: (() => void)[] = []
  afterEach(() => {
    for (const stop of stops.splice(0)) stop()
  })

  test.each(
    codings.flatMap((coding) => [
      [coding, 'sync', 5_000] as const,
      [coding, 'async', 100_000] as const,
      [coding, 'stream', 1_500_000] as const,
    ]),
  )('%s, %s: coding, bytes before and after, how and how long, and its variant hits', async (coding, how, size) => {
    const [encoded, variants] = [
      listening('breakwater:compression:encoded'),
      listening('breakwater:compression:variant'),
    ]
    const compressor = new Compressor({ store: memoryStore() })
    const body = newText(size)
    const server = await start(shieldSubject, { compression: compressor, handler: () => ({ headers: plain, body }) })
    const { bytes } = await server.ask(coding)
    const sent = { coding, bytes: size, encodedBytes: bytes.length }
    expect(encoded).toEqual([{ ...sent, how, duration: expect.any(Number) }])
    expect(encoded[0]?.duration).toBeGreaterThan(0)
    const once = { encoded: 1, reused: 0, futile: 0, bytes: size, encodedBytes: bytes.length }
    expect(compressor.counts()).toEqual({ [coding]: { ...once, duration: encoded[0]?.duration } })
    if (how === 'stream') return
    await server.ask(coding)
    expect(variants).toEqual([sent])
    expect(encoded).toHaveLength(1)
    expect(compressor.counts()[coding]).toMatchObject({
      encoded: 1,
      reused: 1,
      bytes: 2 * size,
      encodedBytes: 2 * bytes.length,
    })
  })

  test('what saves less than 5 % is told of once', async () => {
    const told = listening('breakwater:compression:futile')
    const compressor = new Compressor({ store: memoryStore() })
    // A twenty-fifth of it is alike.
    const body = Buffer.concat([randomBytes(20_000), Buffer.alloc(800)])
    const server = await start(shieldSubject, { compression: compressor, handler: () => ({ headers: plain, body }) })
    for (let i = 0; i < 3; i++) expect((await server.ask('gzip')).headers['content-encoding']).toBeUndefined()
    expect(told).toEqual([{ coding: 'gzip', bytes: 20_800, encodedBytes: expect.any(Number) }])
    expect(told[0]?.encodedBytes).toBeLessThan(20_800)
    expect(compressor.counts().gzip).toMatchObject({ encoded: 0, reused: 0, futile: 1, bytes: 0 })
  })
})

describe('encodings of content that was not here before', () => {
  const many = Array.from({ length: 600 }, (_, i) => `${i} ${'some text, '.repeat(1_500)}${i}`)

  async function asking() {
    const store = memoryStore()
    const kept = vi.spyOn(store, 'set')
    const compressor = new Compressor({ store })
    const server = await start(shieldSubject, {
      compression: compressor,
      handler: (request) => ({ headers: plain, body: many[Number(request.url?.slice(1))] as string }),
    })
    const ask = async (i: number): Promise<void> => {
      expect((await server.ask('gzip', { path: `/${i}` })).text).toBe(many[i])
    }
    return { ask, kept, counts: () => compressor.counts().gzip }
  }

  test('are put into the store when somebody asks for them again', async () => {
    const { ask, kept, counts } = await asking()
    for (let i = 0; i < 50; i++) await ask(i)
    expect(kept).not.toHaveBeenCalled()
    for (let i = 0; i < 3; i++) await ask(7)
    expect(counts()).toMatchObject({ encoded: 50, reused: 3 })
    expect(kept).toHaveBeenCalledTimes(1)
  })

  test('are made again where that comes late, and then kept', async () => {
    const { ask, kept, counts } = await asking()
    // More than is held at a time.
    for (const i of many.keys()) await ask(i)
    expect(kept).not.toHaveBeenCalled()
    for (let i = 0; i < 3; i++) await ask(0)
    expect(counts()).toMatchObject({ encoded: many.length + 1, reused: 2 })
    expect(kept).toHaveBeenCalledTimes(1)
  })

  test('are not made again where they do not save enough', async () => {
    const compressor = new Compressor({ store: memoryStore() })
    const bodies = [randomBytes(5_000), randomBytes(5_000)]
    const server = await start(shieldSubject, {
      compression: compressor,
      handler: (request) => ({ headers: plain, body: bodies[Number(request.url?.slice(1))] as Buffer }),
    })
    for (const path of ['/0', '/1', '/0', '/1', '/0']) {
      expect((await server.ask('gzip', { path })).headers['content-encoding']).toBeUndefined()
    }
    expect(compressor.counts().gzip).toMatchObject({ encoded: 0, futile: 2 })
  })
})

test('encodings take no more bytes than their store may', async () => {
  const compressor = new Compressor({ store: memoryStore({ maxBytes: 1024 * 1024 }) })
  const bodies = Array.from({ length: 60 }, () => randomBytes(50_000).toString('hex'))
  const server = await start(shieldSubject, {
    compression: compressor,
    handler: (request) => ({ headers: plain, body: bodies[Number(request.url?.slice(1))] as string }),
  })
  for (const i of bodies.keys()) await server.ask('gzip', { path: `/${i}` })
  expect(compressor.counts().gzip).toMatchObject({ encoded: 60, reused: 0 })
  await server.ask('gzip', { path: '/59' })
  expect(compressor.counts().gzip).toMatchObject({ encoded: 60, reused: 1 })
  // Each takes 50 KB: there is room for twenty.
  for (let i = 0; i < 20; i++) await server.ask('gzip', { path: `/${i}` })
  expect(compressor.counts().gzip?.encoded).toBe(80)
})
