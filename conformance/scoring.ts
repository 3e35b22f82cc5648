/** A test of the suite, as far as its score needs it. */
interface SuiteTest {
  readonly id: string
  readonly name: string
  /** Without one a test is required. */
  readonly kind?: Kind
  readonly depends_on?: readonly string[]
  readonly browser_only?: boolean
  readonly browser_skip?: boolean
  /** RFC 9213: counted apart. */
  readonly cdn_only?: boolean
}

export interface SuiteGroup {
  readonly id: string
  readonly tests: readonly SuiteTest[]
}

/** `check` tests only ask what a cache does; there is no right answer. */
type Kind = 'required' | 'optimal' | 'check'

/** `proxy`: a shared cache before an origin; `client`: a private one, as in a browser. */
export type Profile = 'proxy' | 'client'

/** What the suite reports of a test: true, or the name and the message of what was thrown. */
export type Result = true | readonly [name: string, message: string]
export type Results = Readonly<Record<string, Result>>

/** `dependency`: a test it builds upon did not pass; `setup`: it did not get as far as its question. */
type Outcome = 'pass' | 'fail' | 'dependency' | 'setup' | 'retry' | 'timeout' | 'untested'

export interface Tally {
  readonly passed: number
  readonly total: number
}

export interface Scored {
  readonly test: SuiteTest
  readonly kind: Kind
  /** The worst of all runs. */
  readonly outcome: Outcome
  /** What the suite says of it, where it did not pass. */
  readonly message: string | undefined
  /** The runs did not agree. */
  readonly flaky: boolean
}

export interface Score {
  readonly tests: readonly Scored[]
  readonly main: Readonly<Record<Kind, Tally>>
  readonly targeted: Readonly<Record<Kind, Tally>>
}

/** The score over one or more runs of the same subject: a test has passed if it passed in all of them. */
export function score(groups: readonly SuiteGroup[], profile: Profile, runs: readonly Results[]): Score {
  const all = new Map(groups.flatMap((group) => group.tests).map((test) => [test.id, test]))
  const tests = [...all.values()]
    .filter((test) => isAsked(test, profile))
    .map((test): Scored => {
      const outcomes = runs.map((results) => outcomeOf(all, test, results))
      const worst = outcomes.findIndex((outcome) => outcome !== 'pass')
      const result = runs[worst]?.[test.id]
      return {
        test,
        kind: test.kind ?? 'required',
        outcome: outcomes[worst] ?? 'pass',
        message: result === undefined || result === true ? undefined : result[1],
        flaky: new Set(outcomes).size > 1,
      }
    })
  return {
    tests,
    main: tallies(tests.filter(({ test }) => test.cdn_only !== true)),
    targeted: tallies(tests.filter(({ test }) => test.cdn_only === true)),
  }
}

function isAsked(test: SuiteTest, profile: Profile): boolean {
  if (profile === 'proxy') return test.browser_only !== true
  return test.cdn_only !== true && test.browser_skip !== true
}

/** The suite's own rule: a test whose dependency did not pass counts as not passed, whatever it found. */
function outcomeOf(all: ReadonlyMap<string, SuiteTest>, test: SuiteTest, results: Results): Outcome {
  const result = results[test.id]
  if (result === undefined) return 'untested'
  const stands = (test.depends_on ?? []).every((id) => {
    const base = all.get(id)
    return base !== undefined && outcomeOf(all, base, results) === 'pass'
  })
  if (!stands) return 'dependency'
  if (result === true) return 'pass'
  const [name, message] = result
  if (name === 'Setup') return message === 'retry' ? 'retry' : 'setup'
  return name === 'AbortError' ? 'timeout' : 'fail'
}

function tallies(tests: readonly Scored[]): Record<Kind, Tally> {
  const tally = (kind: Kind): Tally => {
    const asked = tests.filter((scored) => scored.kind === kind)
    return { passed: asked.filter(({ outcome }) => outcome === 'pass').length, total: asked.length }
  }
  return { required: tally('required'), optimal: tally('optimal'), check: tally('check') }
}
