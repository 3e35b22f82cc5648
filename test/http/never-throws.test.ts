import * as fc from 'fast-check'
import { test } from 'vitest'
import { parseAge } from '../../src/core/http/age.ts'
import { parseCacheControl } from '../../src/core/http/cache-control.ts'
import { cacheStatus, isValidCacheName } from '../../src/core/http/cache-status.ts'
import { formatHttpDate, parseHttpDate } from '../../src/core/http/date.ts'
import { parseGroups } from '../../src/core/http/groups.ts'
import { connectionFields } from '../../src/core/http/hop-by-hop.ts'
import { parseContentRange, parseRange, rangeApplies, requestedRange } from '../../src/core/http/range.ts'
import { parseTags } from '../../src/core/http/surrogate.ts'
import { parseTargetedCacheControl } from '../../src/core/http/targeted.ts'
import { evaluateConditions, hasConditions, matchesAny, validatorsOf } from '../../src/core/http/validators.ts'
import { languageMatches, normaliseSelecting, parseVary } from '../../src/core/http/vary.ts'
import { anyFieldValue, anyLine } from './arbitraries.ts'
import { holds } from './holds.ts'

const selecting = fc.constantFrom('accept', 'accept-charset', 'accept-encoding', 'accept-language', 'cookie')

test.each([
  ['Cache-Control', parseCacheControl],
  ['CDN-Cache-Control', parseTargetedCacheControl],
  ['Age', parseAge],
  ['Vary', parseVary],
  ['Range', (value) => parseRange(value, 10)],
  ['Range without a size', requestedRange],
  ['Content-Range', parseContentRange],
  ['Cache-Groups', parseGroups],
  ['Surrogate-Key', (value) => parseTags(value, 'space')],
  ['Cache-Tag', (value) => parseTags(value, 'comma')],
  ['Connection', (value) => connectionFields({ connection: value })],
  ['ETag and Last-Modified', (value) => validatorsOf({ etag: value, 'last-modified': value })],
] satisfies [string, (value: Parameters<typeof parseAge>[0]) => unknown][])('no value of %s throws', (_, parse) => {
  holds(
    fc.property(anyFieldValue, (value) => void parse(value)),
    { numRuns: 500 },
  )
})

test('no selecting field throws', () => {
  holds(fc.property(selecting, anyFieldValue, (name, value) => void normaliseSelecting(name, value)))
})

test('no pair of languages throws', () => {
  holds(fc.property(anyFieldValue, anyFieldValue, (accepted, content) => void languageMatches(accepted, content)))
})

test('no precondition throws', () => {
  holds(
    fc.property(anyFieldValue, anyFieldValue, anyFieldValue, anyLine, anyLine, (tags, since, range, etag, modified) => {
      const request = { 'if-none-match': tags, 'if-modified-since': since, 'if-range': range }
      hasConditions(request)
      matchesAny(tags, etag)
      evaluateConditions(request, { etag, lastModified: modified }, 'GET')
      rangeApplies(request, { etag, lastModified: modified, date: 0 })
    }),
  )
})

test('no date throws', () => {
  holds(fc.property(anyLine, fc.double(), (text, now) => void parseHttpDate(text, now)))
  holds(fc.property(fc.double(), (ms) => void formatHttpDate(ms)))
})

test('no part of Cache-Status throws', () => {
  holds(
    fc.property(anyLine, anyLine, anyLine, fc.double(), (name, fwd, detail, number) => {
      isValidCacheName(name)
      cacheStatus(name, { fwd, detail, ttl: number, fwdStatus: number })
    }),
  )
})
