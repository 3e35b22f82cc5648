import { subscribe, unsubscribe } from 'node:diagnostics_channel'
import { inspect } from 'node:util'
import { describe, expect, test, vi } from 'vitest'
import { ResponseCache } from '../../src/core/cache/response-cache.ts'
import { StoreError, storeError } from '../../src/core/store/errors.ts'
import { farStore } from '../support/engine.ts'

const url = 'mongodb://me:s3cr3t@db.test:27017/cache'
const reason = () => new Error(`connect to ${url} failed`)

/** What clients that others wrote reject with. */
const failures: [string, () => unknown][] = [
  ['its message', reason],
  ['its cause', () => new Error('no server', { cause: reason() })],
  ['the cause of its cause', () => new Error('no server', { cause: new Error('no socket', { cause: reason() }) })],
  ['one of several errors', () => new AggregateError([new Error('refused'), reason()], 'no server')],
  ['a property', () => Object.assign(new TypeError('Invalid URL'), { code: 'ERR_INVALID_URL', input: url })],
  ['a property, where it is no Error', () => ({ code: 'DOWN', address: url })],
]

describe.each(failures)('a failure with a password in %s', (_, failure) => {
  test('becomes a StoreError without it', () => {
    const error = storeError('The store cannot be used', failure(), [])
    expect(inspect(error, { depth: 10 })).not.toContain('s3cr3t')
    expect(error.message).toMatch(/^The store cannot be used/)
  })

  test('is told of without it', async () => {
    const told: object[] = []
    const listen = (event: unknown): void => void told.push(event as object)
    subscribe('breakwater:store', listen)
    const get = () => Promise.reject(failure())
    const responses = new ResponseCache({ store: { ...farStore(), get } })
    await responses.store.get('key')
    await vi.waitFor(() => expect(told).toContainEqual(expect.objectContaining({ type: 'error', operation: 'get' })))
    unsubscribe('breakwater:store', listen)
    expect(inspect(told, { depth: 10 })).not.toContain('s3cr3t')
  })
})

test('a failure without credentials stays the cause of a StoreError, and is told of as it is', () => {
  const cause = new Error('refused', { cause: new Error('nobody listens') })
  const error = storeError('The store cannot be used', cause, ['s3cr3t'])
  expect(error).toBeInstanceOf(StoreError)
  expect(error.cause).toBe(cause)
})
