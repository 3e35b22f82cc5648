import * as fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { isCompressible, isStreaming } from '../../src/core/compression/media-type.ts'
import { anyLine } from '../http/arbitraries.ts'
import { holds } from '../http/holds.ts'

const records = [
  'text/event-stream',
  'application/x-ndjson',
  'application/ndjson',
  'application/jsonl',
  'application/x-jsonl',
  'application/jsonlines',
  'application/x-jsonlines',
  'application/json-seq',
  'application/geo+json-seq',
  'application/x-json-stream',
  'application/stream+json',
]

describe('content that gets smaller', () => {
  test.each([
    'text/html',
    'text/plain',
    'text/css',
    'text/csv',
    'text/javascript',
    'text/markdown',
    'text/x-of-our-own',
    'application/javascript',
    'application/json',
    'application/ld+json',
    'application/manifest+json',
    'application/problem+json',
    'application/vnd.api+json',
    'application/geo+json',
    'application/xml',
    'application/xhtml+xml',
    'application/rss+xml',
    'application/atom+xml',
    'application/x-www-form-urlencoded',
    'application/wasm',
    'application/vnd.ms-fontobject',
    'font/ttf',
    'font/otf',
    'image/svg+xml',
    'image/bmp',
    'image/x-icon',
    'image/vnd.microsoft.icon',
    'application/octet-stream',
    ...records,
  ])('%s', (type) => {
    expect(isCompressible(type)).toBe(true)
  })
})

describe('content that does not, or of which nobody knows', () => {
  test.each([
    'image/png',
    'image/jpeg',
    'image/gif',
    'image/webp',
    'image/avif',
    'font/woff',
    'font/woff2',
    'video/mp4',
    'audio/mpeg',
    'application/zip',
    'application/gzip',
    'application/pdf',
    'application/zstd',
    'multipart/form-data',
    'multipart/x-mixed-replace',
    'multipart/byteranges',
    'application/x-of-our-own',
    'application/x-protobuf',
    '',
    'html',
    'json-seq',
    '/',
    ';charset=utf-8',
    '*/*',
    '__proto__',
    'constructor',
  ])('%j', (type) => {
    expect(isCompressible(type)).toBe(false)
  })

  test('no type at all', () => {
    expect(isCompressible(undefined)).toBe(false)
    expect(isStreaming(undefined)).toBe(false)
  })
})

describe('records that are sent as they come', () => {
  test.each(records)('%s', (type) => {
    expect(isStreaming(type)).toBe(true)
  })

  test.each(['application/json', 'text/plain', 'text/html', 'multipart/x-mixed-replace', 'x-ndjson', 'a/ndjson', ''])(
    'not %j',
    (type) => {
      expect(isStreaming(type)).toBe(false)
    },
  )
})

describe('RFC 9110 section 8.3.1: neither case nor parameters count', () => {
  test.each<[string, boolean]>([
    ['Application/JSON', false],
    ['application/json;charset=utf-8', false],
    ['application/json; charset=utf-8', false],
    [' application/json\t; charset="a;b"', false],
    ['TEXT/Event-Stream; charset=utf-8', true],
    ['Application/X-NDJSON ;x=y', true],
    ['application/json-seq;', true],
    ['application/Geo+JSON-Seq;x=y', true],
  ])('%j', (type, streams) => {
    expect(isCompressible(type)).toBe(true)
    expect(isStreaming(type)).toBe(streams)
  })

  test.each(['image/png; as=text/html', 'image/png;application/x-ndjson', 'application/x-y; x="a+json-seq'])(
    'a type in a parameter is none: %j',
    (type) => {
      expect(isCompressible(type)).toBe(false)
      expect(isStreaming(type)).toBe(false)
    },
  )
})

test('whatever the type, it never throws, and what is streamed is compressed', () => {
  holds(
    fc.property(
      fc.oneof(
        anyLine,
        fc.constantFrom(...records).map((type) => `${type};`),
      ),
      (type) => {
        expect(isCompressible(type)).toBe(isCompressible(type))
        if (isStreaming(type)) expect(isCompressible(type)).toBe(true)
      },
    ),
  )
})
