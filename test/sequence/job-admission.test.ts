import { describe, expect, test } from 'vitest'
import { prefersAsync } from '../../src/core/http/prefer.ts'
import { admitPage } from '../../src/core/sequence/job-admission.ts'
import type { AnswerLimits } from '../../src/core/sequence/term-plan.ts'

/** A term costs a byte and a ms. */
const reader = { cost: (_start: number, count: number) => ({ bytes: count, time: count }) }
const page: AnswerLimits = { count: 10, bytes: 8, time: 1_000 }
const job: AnswerLimits = { count: 100, bytes: 50, time: 1_000 }

describe('a page', () => {
  test.each<[string, number | undefined, boolean, AnswerLimits | undefined, object]>([
    ['within the limits of pages', 8, false, job, { kind: 'now', plan: { count: 8 } }],
    ['the same, where the client prefers not to wait', 8, true, job, { kind: 'later', plan: { count: 8 } }],
    ['the same, without jobs', 8, true, undefined, { kind: 'now', plan: { count: 8 } }],
    ['the same, where it is too much for a job', 8, true, { ...job, bytes: 7 }, { kind: 'now', plan: { count: 8 } }],
    ['of more bytes than a page may have', 9, false, job, { kind: 'later', plan: { count: 9 } }],
    ['the same, without jobs', 9, false, undefined, { kind: 'refused', error: { status: 422, maxSize: 8 } }],
    ['of as much as a job may be', 50, false, job, { kind: 'later', plan: { count: 50 } }],
    ['of more than a job may be', 51, false, job, { kind: 'refused', error: { status: 422, maxSize: 50 } }],
    ['the same, by preference', 51, true, job, { kind: 'refused', error: { status: 422, maxSize: 50 } }],
    ['the same, where jobs may be less than pages', 51, false, page, { kind: 'refused', error: { maxSize: 8 } }],
    ['of nobody knows how many', undefined, false, job, { kind: 'now', plan: { count: 5 } }],
    ['the same, by preference', undefined, true, job, { kind: 'later', plan: { count: 5 } }],
  ])('%s', (_, limit, prefersLater, later, expected) => {
    const bounds = { reader, length: undefined, limits: page, limit: 5 }
    expect(admitPage(bounds, later, { start: 3, limit, prefersLater })).toMatchObject(expected)
  })

  test('without terms is no work, whatever the client prefers', () => {
    const bounds = { reader, length: 3, limits: page, limit: 5 }
    const wish = { start: 3, limit: 5, prefersLater: true }
    expect(admitPage(bounds, job, wish)).toMatchObject({ kind: 'now', plan: { count: 0 } })
  })

  test('beyond all indexes is refused with 400', () => {
    const bounds = { reader: { cost: () => ({ bytes: 0, time: 0 }) }, length: undefined, limits: page, limit: 5 }
    const wish = { start: Number.MAX_SAFE_INTEGER, limit: 5, prefersLater: false }
    expect(() => admitPage(bounds, job, wish)).toThrow(expect.objectContaining({ status: 400 }))
  })
})

describe('Prefer', () => {
  test.each([
    'respond-async',
    'Respond-Async',
    'respond-async, wait=10',
    'wait=10 , respond-async',
    'respond-async; a=b',
    'respond-async=""',
    'return=minimal; x="a, b", respond-async',
  ])('%s asks for an answer before the work is done', (field) => expect(prefersAsync(field)).toBe(true))

  test('in several lines, too', () => expect(prefersAsync(['wait=1', 'respond-async'])).toBe(true))

  test.each([
    undefined,
    '',
    'wait=10',
    'respond-async=no',
    'respond-asynchronously',
    'x-respond-async',
    'return="x, respond-async"',
    'a; respond-async',
  ])('%s does not', (field) => expect(prefersAsync(field)).toBe(false))
})
