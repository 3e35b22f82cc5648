import type { Sequence } from 'breakwater'
import { describe, expect, test } from 'vitest'
import { type Framework, frameworks, startSubject } from '../sequence-router/subjects.ts'
import * as misbehaving from './modules/misbehaving.ts'
import { ticks } from './modules/squares.ts'
import { sequence as unloadable } from './modules/unloadable.ts'
import { startPool } from './pools.ts'

async function start(framework: Framework, sequence: unknown) {
  const errors: unknown[] = []
  const workers = startPool({ threshold: 0 })
  const onError = (error: unknown) => void errors.push(error)
  const failing = await startSubject(framework, { router: { sequence: sequence as Sequence, workers }, onError })
  const sound = await startSubject(framework, { router: { sequence: ticks as Sequence, workers } })
  return { failing, sound, errors }
}

describe.each(frameworks.map((framework) => [framework.name, framework] as const))('behind %s', (_, framework) => {
  test.each([
    ['cannot be loaded', unloadable],
    ['exports another version', misbehaving.changing],
    ['exits', misbehaving.exiting],
  ])('a sequence whose module %s in a worker is a problem, and the next request is answered', async (__, sequence) => {
    const { failing, sound, errors } = await start(framework, sequence)
    for (let i = 0; i < 2; i++) {
      const { status, headers, body } = await failing.get('/terms?limit=100')
      expect(status).toBe(500)
      expect(headers).toMatchObject({ 'content-type': 'application/problem+json', 'cache-control': 'no-store' })
      expect(headers.etag).toBeUndefined()
      expect(body).not.toMatch(/Address|file:|exit/)
    }
    expect((await sound.get('/terms?limit=2')).status).toBe(200)
    expect(errors).toEqual([])
  })

  test.each([
    ['an error', misbehaving.throwing, /^a secret of the inside$/],
    ['what cannot be cloned', misbehaving.throwingFunctions, /Function/],
  ])('%s that the sequence throws is for the handlers of the application, as without workers', async (...args) => {
    const [, sequence, message] = args
    const { failing, sound, errors } = await start(framework, sequence)
    const { status, body } = await failing.get('/terms?limit=100')
    expect([status, body]).toEqual([500, 'the application said so'])
    expect(errors.map((error) => (error as Error).message)).toEqual([expect.stringMatching(message)])
    // The terms before it are there.
    expect(JSON.parse((await failing.get('/terms?limit=3')).body).terms).toEqual([0, 1, 2])
    expect((await sound.get('/terms?limit=2')).status).toBe(200)
  })
})

const [framework] = frameworks as [Framework]

test('terms before the one that fails are sent', async () => {
  const { failing } = await start(framework, misbehaving.throwing)
  const { status, body } = await failing.get('/terms?format=ndjson&limit=100')
  expect(status).toBe(200)
  expect(body).toMatch(/^{"index":0,"term":0}\n{"index":1,"term":1}\n{"index":2,"term":2}\n{"error":/)
  expect(body).not.toContain('secret')
})

test('an error that nobody catches in a worker ends the worker, not the process', async () => {
  const { failing, sound } = await start(framework, misbehaving.failingLater)
  for (let i = 0; i < 3; i++) await failing.get('/terms?limit=100')
  expect((await sound.get('/terms?limit=2')).status).toBe(200)
})
