import { expect, test } from 'vitest'
import { failureOrigin } from '../../src/core/breaker/origin.ts'

const coded = (code: string): Error => Object.assign(new Error(code), { code })

test.each([
  'ECONNREFUSED',
  'ECONNRESET',
  'ECONNABORTED',
  'ENOTFOUND',
  'EAI_AGAIN',
  'EHOSTUNREACH',
  'ENETUNREACH',
  'ETIMEDOUT',
  'EPIPE',
  'EADDRNOTAVAIL',
  'EMFILE',
  'CERT_HAS_EXPIRED',
  'ERR_TLS_CERT_ALTNAME_INVALID',
  'UND_ERR_CONNECT_TIMEOUT',
  'UND_ERR_HEADERS_TIMEOUT',
  'UND_ERR_BODY_TIMEOUT',
  'UND_ERR_SOCKET',
])('%s is local', (code) => {
  expect(failureOrigin(coded(code))).toBe('local')
})

test.each([
  ['a timeout', AbortSignal.abort(new DOMException('late', 'TimeoutError')).reason],
  ['what fetch wraps', new TypeError('fetch failed', { cause: coded('ECONNREFUSED') })],
  ['several addresses', new AggregateError([coded('ECONNREFUSED'), coded('ECONNREFUSED')])],
])('%s is local', (_, reason) => {
  expect(failureOrigin(reason)).toBe('local')
})

const loop = new Error('its own cause')
loop.cause = loop

test.each([
  ['a status', new Error('503')],
  ['an error response', coded('UND_ERR_RESPONSE_STATUS_CODE')],
  ['a malformed answer', coded('HPE_INVALID_CONSTANT')],
  ['a result', { status: 500 }],
  ['nothing', undefined],
  ['a loop', loop],
])('%s is upstream', (_, reason) => {
  expect(failureOrigin(reason)).toBe('upstream')
})
