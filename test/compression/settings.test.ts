/** What options and the switch of a single answer do, the same on every server. */
import zlib from 'node:zlib'
import { Compressor, type CompressorOptions } from 'breakwater'
import { compression as forExpress } from 'breakwater/express'
import { compression as forKoa } from 'breakwater/koa'
import { shield } from 'breakwater/node'
import { describe, expect, test } from 'vitest'
import { listen } from '../bridges/wire.ts'
import { page, start, text, textOf } from './subject.ts'
import { subjects } from './subjects/index.ts'
import { ask, codings, varyOf } from './wire.ts'

describe.each(subjects)('$name', (subject) => {
  const codingOf = async (compression: CompressorOptions, acceptEncoding: string | undefined, body = text) => {
    const server = await start(subject, { compression, handler: page({}, { body }) })
    const got = await server.ask(acceptEncoding)
    expect(got.text).toBe(body)
    return got.headers['content-encoding']
  }

  test.each<[CompressorOptions['threshold'], number]>([
    [undefined, 1024],
    [100, 100],
    ['1kb', 1024],
    ['2KB', 2048],
    ['1.5kb', 1536],
    ['300', 300],
    ['0.25 mb', 262_144],
  ])('threshold %j: below nothing, at it and above everything', async (threshold, bytes) => {
    const options = threshold === undefined ? {} : { threshold }
    for (const [body, expected] of [
      [textOf(bytes - 1), undefined],
      [textOf(bytes), 'gzip'],
      [textOf(bytes + 1), 'gzip'],
    ] as const) {
      expect(await codingOf(options, 'gzip', body)).toBe(expected)
    }
  })

  test('threshold counts bytes, not characters', async () => {
    expect(await codingOf({ threshold: 1000 }, 'gzip', 'ü'.repeat(500))).toBe('gzip')
    expect(await codingOf({ threshold: 1000 }, 'gzip', `${'ü'.repeat(499)}a`)).toBeUndefined()
  })

  test('threshold 0 encodes even one byte where that saves something, and never nothing', async () => {
    expect(await codingOf({ threshold: 0 }, 'gzip', 'a'.repeat(60))).toBe('gzip')
    expect(await codingOf({ threshold: 0 }, 'gzip', '')).toBeUndefined()
  })

  test('filter decides instead of the type, once the head is known', async () => {
    const server = await start(subject, {
      filter: (request, response) =>
        String(request.url).startsWith('/yes') && String(response.getHeader('content-type')).startsWith('image/png'),
      handler: (request) =>
        page({ 'Content-Type': request.url?.includes('png') ? 'image/png' : 'text/plain' })(request),
    })
    for (const [path, expected] of [
      ['/yes.png', 'gzip'],
      ['/no.png', undefined],
      ['/yes.txt', undefined],
    ] as const) {
      const got = await server.ask('gzip', { path })
      expect([path, got.headers['content-encoding'], varyOf(got).length]).toEqual([path, expected, expected ? 1 : 0])
    }
  })

  test('order: what stands first is preferred, what is missing is never used', async () => {
    expect(await codingOf({ order: ['gzip', 'br'] }, 'br, gzip, zstd')).toBe('gzip')
    expect(await codingOf({ order: ['br', 'gzip'] }, 'gzip;q=0.9, br;q=0.8')).toBe('gzip')
    expect(await codingOf({ order: ['br', 'gzip'] }, 'zstd, deflate')).toBeUndefined()
    expect(await codingOf({ order: ['deflate'] }, '*')).toBe('deflate')
    const server = await start(subject, { compression: { order: ['gzip'] }, handler: page() })
    expect((await server.ask('br, identity;q=0')).status).toBe(406)
  })

  test.each(codings)('enforceEncoding %s is for requests without Accept-Encoding alone', async (coding) => {
    expect(await codingOf({ enforceEncoding: coding }, undefined)).toBe(coding)
    expect(await codingOf({ enforceEncoding: coding }, 'identity')).toBeUndefined()
    expect(await codingOf({ enforceEncoding: coding }, '')).toBeUndefined()
    const other = coding === 'gzip' ? 'br' : 'gzip'
    expect(await codingOf({ enforceEncoding: coding }, other)).toBe(other)
  })

  describe('levels', () => {
    /** Text in which there is something to find, so that levels differ. */
    const words = Array.from({ length: 20_000 }, (_, i) => `${(i * 2_654_435_761) % 997} ${(i * i) % 89}`).join(',')
    const bytesWith = async (compression: CompressorOptions, coding: string, body = words): Promise<number> => {
      const server = await start(subject, { compression, handler: page({}, { body }) })
      const got = await server.ask(coding)
      expect(got.text).toBe(body)
      return got.bytes.length
    }
    const { constants } = zlib

    test.each(['gzip', 'deflate'])('level is that of %s', async (coding) => {
      expect(await bytesWith({ level: 9 }, coding)).toBeLessThan(await bytesWith({ level: 1 }, coding))
    })

    test.each(['gzip', 'deflate'].flatMap((coding) => [[coding, 30_000, 4] as const, [coding, 60_000, 5] as const]))(
      '%s of %i bytes is of level %i unless it is said otherwise',
      async (coding, size, level) => {
        const body = words.slice(0, size)
        const bytesOf = (options: CompressorOptions) => bytesWith(options, coding, body)
        expect(await bytesOf({})).toBe(await bytesOf({ level }))
        expect(await bytesOf({})).not.toBe(await bytesOf({ level: level + 1 }))
      },
    )

    test('brotli and zstd have their own', async () => {
      const brotli = (quality: number) => ({ brotli: { params: { [constants.BROTLI_PARAM_QUALITY]: quality } } })
      const zstd = (level: number) => ({ zstd: { params: { [constants.ZSTD_c_compressionLevel]: level } } })
      expect(await bytesWith(brotli(9), 'br')).toBeLessThan(await bytesWith(brotli(1), 'br'))
      expect(await bytesWith(zstd(15), 'zstd')).toBeLessThan(await bytesWith(zstd(1), 'zstd'))
    })

    test('brotli has quality 4 unless it is given one', async () => {
      const quality = { params: { [constants.BROTLI_PARAM_QUALITY]: 4 } }
      expect(await bytesWith({}, 'br')).toBe(await bytesWith({ brotli: quality }, 'br'))
      expect(await bytesWith({ brotli: { params: { [constants.BROTLI_PARAM_LGWIN]: 16 } } }, 'br')).toBeLessThan(
        (await bytesWith({ brotli: { params: { [constants.BROTLI_PARAM_QUALITY]: 1 } } }, 'br')) * 1.0,
      )
    })

    test.each([3, 19, 20, 21, 22])(
      'zstd of level %i never asks for more than 8 MiB of its clients',
      async (level) => {
        const compression = { zstd: { params: { [constants.ZSTD_c_compressionLevel]: level } } }
        const server = await start(subject, {
          compression,
          raw: (request, response) => {
            response.setHeader('Content-Type', 'text/plain')
            if (request.url !== '/stream') return response.end(textOf(50_000))
            response.write(textOf(50_000))
            response.end(textOf(10))
          },
        })
        for (const path of ['/whole', '/stream']) {
          const got = await server.ask('zstd', { path })
          expect(got.headers['content-encoding']).toBe('zstd')
          expect(windowOf(got.bytes)).toBeLessThanOrEqual(2 ** 23)
        }
      },
      30_000,
    )
  })

  test('the switch of an answer: false for none, true whatever the type is', async () => {
    const server = await start(subject, {
      handler: (request) =>
        page(
          { 'Content-Type': request.url?.includes('png') ? 'image/png' : 'text/plain' },
          { compress: request.url?.startsWith('/on') === true },
        )(request),
    })
    for (const [path, expected] of [
      ['/on.txt', 'gzip'],
      ['/on.png', 'gzip'],
      ['/off.txt', undefined],
    ] as const) {
      const got = await server.ask('gzip', { path })
      expect([path, got.headers['content-encoding'], got.text]).toEqual([path, expected, text])
    }
  })

  test('the switch turned on does not encode what must not be', async () => {
    for (const headers of [{ 'Cache-Control': 'no-transform' }, { 'Content-Encoding': 'aes128gcm' }]) {
      const server = await start(subject, { handler: page(headers, { compress: true }) })
      const response = await server.ask('gzip').catch((error: Error) => error.message)
      if (typeof response === 'string') expect(response).toContain('aes128gcm')
      else expect(response.headers['content-encoding']).toBeUndefined()
    }
  })

  test('one Compressor may serve several mounts, and counts for them all', async () => {
    const compressor = new Compressor({ order: ['gzip'] })
    const first = await start(subject, { compression: compressor, handler: page({}, { body: `${text}one of two` }) })
    const second = await start(subject, { compression: compressor, handler: page({}, { body: `${text}one of two` }) })
    expect((await first.ask('gzip')).bytes).toEqual((await second.ask('gzip')).bytes)
    const { gzip } = compressor.counts()
    expect((gzip?.encoded ?? 0) + (gzip?.reused ?? 0)).toBe(2)
    expect(gzip?.encoded).toBeLessThanOrEqual(1)
    expect((gzip?.bytes ?? 0) > (gzip?.encodedBytes ?? 0)).toBe(true)
  })
})

test('without Express, too: its middleware and its default filter know only what Node has', async () => {
  const compress = forExpress({ filter: (request, response) => forExpress.filter(request, response) })
  const listening = await listen((request, response) => {
    compress(request as never, response as never, () => {
      response.setHeader('Content-Type', request.url === '/image' ? ['image/png'] : 'text/plain').end(text)
    })
  })
  expect((await ask(listening.port, 'gzip')).headers['content-encoding']).toBe('gzip')
  expect((await ask(listening.port, 'gzip', { path: '/image' })).headers['content-encoding']).toBeUndefined()
  await listening.close()
})

describe('refused at construction, with a sentence', () => {
  const ways: [string, (options: object) => unknown][] = [
    ['express', (options) => forExpress(options)],
    ['koa', (options) => forKoa(options)],
    ['shield', (options) => shield(() => {}, { compression: options })],
    ['Compressor', (options) => new Compressor(options)],
  ]
  const refused: [object, RegExp][] = [
    [{ br: { params: {} } }, /br.*brotli/],
    [{ br: false }, /br.*(brotli|order)/],
    [{ gzip: { level: 3 } }, /gzip.*level/],
    [{ gzip: false }, /gzip.*order/],
    [{ deflate: { level: 3 } }, /deflate.*level/],
    [{ deflate: false }, /deflate.*order/],
    [{ zstd: false }, /zstd.*order/],
    [{ defaultEncoding: 'gzip' }, /defaultEncoding.*enforceEncoding/],
    [{ encodingPreference: ['br'] }, /encodingPreference.*order/],
    [{ wildcardAcceptEncoding: 'gzip' }, /wildcardAcceptEncoding/],
    [{ tresholt: 1 }, /tresholt/],
    [{ threshold: -1 }, /threshold.*-1/],
    [{ threshold: Number.NaN }, /threshold/],
    [{ threshold: 'many' }, /threshold.*many/],
    [{ threshold: () => 1 }, /threshold/],
    [{ order: [] }, /order/],
    [{ order: ['gzip', 'gzip'] }, /order/],
    [{ order: ['lzma'] }, /order.*lzma/],
    [{ order: 'gzip' }, /order/],
    [{ enforceEncoding: 'lzma' }, /enforceEncoding.*lzma/],
    [{ level: 12 }, /gzip|level/],
    [{ concurrency: 0 }, /concurrency/],
    [{ concurrency: 1.5 }, /concurrency/],
    [{ store: 5 }, /store/],
    [{ zstd: { params: { [zlib.constants.ZSTD_c_windowLog]: 24 } } }, /window/],
  ]

  describe.each(ways)('by %s', (_way, make) => {
    test.each(refused)('%j', (options, sentence) => expect(() => make(options)).toThrow(sentence))
  })

  test.each([null, false, true, 5, 'gzip', [[]], () => {}])('%j in place of options', (nonsense) => {
    const sentence = /^compression takes an object of options or a Compressor, not /
    const [given] = [nonsense].flat() as [never]
    expect(() => forExpress(given)).toThrow(sentence)
    expect(() => forKoa(given)).toThrow(sentence)
    expect(() => shield(() => {}, { compression: given })).toThrow(sentence)
  })

  test('a filter that is none', () => {
    expect(() => forExpress({ filter: 'text' as never })).toThrow(/filter.*text/)
    expect(() => forKoa({ filter: 'text' as never })).toThrow(/filter.*text/)
  })
})

/** The bytes that a decoder has to keep of what it has decoded (RFC 8878 section 3.1.1.1). */
function windowOf(frame: Buffer): number {
  expect(frame.readUInt32LE(0)).toBe(0xfd2fb528)
  const descriptor = frame.readUInt8(4)
  const isSingleSegment = (descriptor & 0x20) !== 0
  if (!isSingleSegment) {
    const byte = frame.readUInt8(5)
    const base = 2 ** (10 + (byte >> 3))
    return base + (base / 8) * (byte & 7)
  }
  // The window is the content; its size stands in place of the window's.
  const start = 5 + ([0, 1, 2, 4][descriptor & 3] as number)
  switch (descriptor >> 6) {
    case 0:
      return frame.readUInt8(start)
    case 1:
      return frame.readUInt16LE(start) + 256
    case 2:
      return frame.readUInt32LE(start)
    default:
      return Number(frame.readBigUInt64LE(start))
  }
}
