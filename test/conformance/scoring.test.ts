import { describe, expect, test } from 'vitest'
import { type Result, type SuiteGroup, score } from '../../conformance/scoring.ts'

const suite: readonly SuiteGroup[] = [
  {
    id: 'made-up',
    tests: [
      { id: 'base', name: 'A cache stores' },
      { id: 'built', name: 'A cache that stores reuses', kind: 'optimal', depends_on: ['base'] },
      { id: 'asked', name: 'Does a cache wait?', kind: 'check' },
      { id: 'targeted', name: 'A cache obeys targeted fields', cdn_only: true },
      { id: 'browser', name: 'A browser asks', browser_only: true },
      { id: 'interim', name: 'A proxy forwards', kind: 'optimal', browser_skip: true },
    ],
  },
]

const failed: Result = ['Assertion', 'Response 2 comes from cache']
const all = { base: true, built: true, asked: true, targeted: true, browser: true, interim: true } as const
const outcomes = (...runs: Parameters<typeof score>[2]) =>
  Object.fromEntries(score(suite, 'proxy', runs).tests.map(({ test: { id }, outcome }) => [id, outcome]))

describe('what is asked', () => {
  test('of a proxy: everything but what only a browser can do', () => {
    expect(Object.keys(outcomes(all))).toEqual(['base', 'built', 'asked', 'targeted', 'interim'])
  })

  test('of a client: neither targeted fields nor what a browser hides', () => {
    const { tests } = score(suite, 'client', [all])
    expect(tests.map(({ test: { id } }) => id)).toEqual(['base', 'built', 'asked', 'browser'])
  })
})

describe('what counts', () => {
  test('a test without a kind is required, and targeted fields are counted apart', () => {
    const { main, targeted } = score(suite, 'proxy', [{ ...all, asked: failed }])
    expect(main).toEqual({
      required: { passed: 1, total: 1 },
      optimal: { passed: 2, total: 2 },
      check: { passed: 0, total: 1 },
    })
    expect(targeted.required).toEqual({ passed: 1, total: 1 })
  })

  test('a test whose dependency did not pass has not passed', () => {
    expect(outcomes({ ...all, base: failed })).toMatchObject({ base: 'fail', built: 'dependency' })
    expect(outcomes({ built: true })).toMatchObject({ base: 'untested', built: 'dependency' })
  })

  test.each<[Result | undefined, string]>([
    [['Setup', 'Response 1 status is 502, not 200'], 'setup'],
    [['Setup', 'retry'], 'retry'],
    [['AbortError', 'This operation was aborted'], 'timeout'],
    [['TypeError', 'fetch failed'], 'fail'],
    [undefined, 'untested'],
  ])('%j is %s', (result, outcome) => {
    const { base, ...rest } = all
    expect(outcomes(result === undefined ? rest : { ...all, base: result })).toMatchObject({ base: outcome })
  })
})

describe('several runs', () => {
  test('a test has passed if it passed in each of them', () => {
    expect(outcomes(all, { ...all, interim: failed }, all)).toMatchObject({ base: 'pass', interim: 'fail' })
  })

  test('runs that do not agree are named', () => {
    const { tests } = score(suite, 'proxy', [all, { ...all, interim: failed }])
    expect(tests.filter(({ flaky }) => flaky).map(({ test: { id }, message }) => [id, message])).toEqual([
      ['interim', 'Response 2 comes from cache'],
    ])
  })
})
