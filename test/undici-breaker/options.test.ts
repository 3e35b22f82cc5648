import { BreakerRegistry } from 'breakwater'
import { circuitBreaker } from 'breakwater/undici'
import { expect, test } from 'vitest'

test.each<[object, typeof TypeError, string]>([
  [7 as never, TypeError, 'circuitBreaker takes an object of options, not 7'],
  [{ key: 'origin' }, TypeError, "key must be a function, not 'origin'"],
  [{ isFailure: 500 }, TypeError, 'isFailure must be a function, not 500'],
  [{ registry: {} }, TypeError, 'registry must be a BreakerRegistry, not {}'],
  [{ registry: new BreakerRegistry(), probes: 2 }, TypeError, 'registry and probes exclude each other'],
  [{ failureRate: 2 }, RangeError, 'failureRate must be a number above 0 and at most 1, not 2'],
  [{ fallbak: 1 }, TypeError, "has no option 'fallbak'"],
  [{ fallback: '[]' }, TypeError, "fallback must be a response such as { statusCode: 200, body: '[]' }, not '[]'"],
  [
    { fallback: { statusCode: '200' } },
    TypeError,
    "fallback.statusCode must be a whole number from 200 to 599, not '200'",
  ],
  [
    { fallback: { statusCode: 100 } },
    RangeError,
    'fallback.statusCode must be a whole number from 200 to 599, not 100',
  ],
  [{ fallback: { statusCode: 200, body: {} } }, TypeError, 'fallback.body must be a string or a Uint8Array, not {}'],
  [{ fallback: { statusCode: 200, headers: ['a', 'b'] } }, TypeError, 'fallback.headers must be an object'],
  [{ fallback: { statusCode: 200, headers: { a: 1 } } }, TypeError, 'fallback.headers.a must be a string, not 1'],
  [{ methods: 'GET' }, TypeError, "methods must be an array of methods such as 'GET', not 'GET'"],
  [{ methods: ['get'] }, TypeError, "methods must be an array of methods such as 'GET', not [ 'get' ]"],
  [{ origins: ['x'] }, TypeError, 'origins must hold origins'],
])('%o is refused', (options, error, message) => {
  expect(() => circuitBreaker(options)).toThrow(error)
  expect(() => circuitBreaker(options)).toThrow(message)
})

test('an option that is undefined is not given', () => {
  expect(circuitBreaker({ registry: new BreakerRegistry(), probes: undefined })).toBeTypeOf('function')
})
