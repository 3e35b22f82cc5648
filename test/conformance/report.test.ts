import { describe, expect, test } from 'vitest'
import { page, type Scoring, summary, unexplained } from '../../conformance/report.ts'
import { type Results, type SuiteGroup, score } from '../../conformance/scoring.ts'

const suite: readonly SuiteGroup[] = [
  {
    id: 'made-up',
    tests: [
      { id: 'conditional-lm-fresh-no-lm', name: 'Known not to pass', kind: 'optimal' },
      { id: 'heuristic-200-cached', name: 'Not passed by the policy safe', kind: 'optimal' },
      { id: 'new', name: 'A test nobody has seen' },
    ],
  },
]

function scoring(policy: 'rfc9111' | 'safe', passed: readonly string[]): Scoring {
  const results = suite[0]!.tests.map(({ id }) => [id, passed.includes(id) ? true : (['Assertion', 'No'] as const)])
  const run: Results = Object.fromEntries(results)
  return {
    subject: { title: 'Express', profile: 'proxy', policy, mount: 'express' },
    score: score(suite, 'proxy', [run]),
  }
}

const setting = { suite: 'made-up 1', node: '24', undici: '8', repeat: 3 }

describe('a test not passed', () => {
  test.each<['rfc9111' | 'safe', string[]]>([
    ['rfc9111', ['heuristic-200-cached', 'new']],
    ['safe', ['new']],
  ])('for a known reason is explained, policy %s', (policy, unexplainedIds) => {
    const found = unexplained(scoring(policy, [])).map(({ test: { id } }) => id)
    expect(found).toEqual(unexplainedIds)
  })

  test('is explained in its own profile only', () => {
    const { subject, score } = scoring('rfc9111', ['new', 'heuristic-200-cached'])
    expect(unexplained({ subject, score })).toEqual([])
    expect(unexplained({ subject: { ...subject, profile: 'client' }, score })).toHaveLength(1)
  })

  test('without a known reason is told on the terminal', () => {
    expect(summary(scoring('safe', []))).toContain('not passed, unexplained: new (required, fail) No')
    expect(summary(scoring('safe', ['new']))).not.toContain('\n')
  })
})

describe('the page', () => {
  const text = page([scoring('rfc9111', ['new', 'heuristic-200-cached']), scoring('safe', ['new'])], setting)

  test('has a row for each mount and policy', () => {
    expect(text).toContain('| Express | `rfc9111` | 1/1 | 1/2 | – | – | – |')
    expect(text).toContain('| Express | `safe` | 1/1 | 0/2 | – | – | – |')
  })

  test('says once what is not passed under both policies', () => {
    expect(text.match(/`conditional-lm-fresh-no-lm`/g)).toHaveLength(1)
    expect(text.split('beyond those')[1]).toContain('| `heuristic-200-cached` | all |')
  })
})
