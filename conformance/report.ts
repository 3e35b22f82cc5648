import { concerns, GAPS, whyNot } from './gaps.ts'
import type { Score, Scored, Tally } from './scoring.ts'
import type { Policy, Subject } from './subjects.ts'

/** One subject and what it scored. */
export interface Scoring {
  readonly subject: Subject
  readonly score: Score
}

/** Where the scores come from. */
export interface Setting {
  readonly suite: string
  readonly node: string
  readonly undici: string
  readonly repeat: number
}

const ratio = ({ passed, total }: Tally): string => (total === 0 ? '–' : `${passed}/${total}`)

/** The required and optimal tests that did not pass: what a `check` test finds is no failure. */
function notPassed({ tests }: Score): readonly Scored[] {
  return tests.filter(({ kind, outcome }) => kind !== 'check' && outcome !== 'pass')
}

/** The tests not passed for which there is no explanation: a new fault, or a new test. */
export function unexplained({ subject, score }: Scoring): readonly Scored[] {
  return notPassed(score).filter(({ test }) => whyNot(test.id, subject) === undefined)
}

/** A few lines for the terminal. */
export function summary(scoring: Scoring): string {
  const { subject, score } = scoring
  const { main, targeted } = score
  const lines = [
    `${subject.title}, policy ${subject.policy}: required ${ratio(main.required)}, optimal ${ratio(main.optimal)}, ` +
      `check ${ratio(main.check)}, RFC 9213 ${ratio(targeted.required)} and ${ratio(targeted.optimal)}`,
  ]
  for (const { test, kind, outcome, message } of unexplained(scoring)) {
    lines.push(`  not passed, unexplained: ${test.id} (${kind}, ${outcome}) ${message ?? ''}`)
  }
  const flaky = score.tests.filter((scored) => scored.flaky)
  if (flaky.length > 0) lines.push(`  runs do not agree: ${flaky.map(({ test }) => test.id).join(', ')}`)
  return lines.join('\n')
}

/** docs/conformance.md. */
export function page(scorings: readonly Scoring[], setting: Setting): string {
  const under = (policy: Policy): readonly Scoring[] => scorings.filter(({ subject }) => subject.policy === policy)
  return `${[
    '# Conformance',
    INTRODUCTION,
    setting.repeat === 1
      ? ranOnce(setting)
      : `${ranOnce(setting)}\nA test counts as passed if it passed in each of ${setting.repeat} runs.`,
    table(
      ['mount', 'policy', 'required', 'optimal', 'check', 'RFC 9213 required', 'RFC 9213 optimal'],
      scorings.map(({ subject, score: { main, targeted } }) => [
        subject.title,
        `\`${subject.policy}\``,
        ...[main.required, main.optimal, main.check, targeted.required, targeted.optimal].map(ratio),
      ]),
    ),
    READING,
    '## Tests not passed',
    "### `policy: 'rfc9111'`",
    gapTable(under('rfc9111')),
    "### `policy: 'safe'`, beyond those",
    SAFE,
    gapTable(
      under('safe'),
      new Set(under('rfc9111').flatMap(({ score }) => notPassed(score).map(({ test }) => test.id))),
    ),
    '## Other caches',
    PEERS,
    '## Run it yourself',
    REPRODUCE,
  ].join('\n\n')}\n`
}

function ranOnce({ suite, node, undici }: Setting): string {
  return `Suite: ${suite}. Node ${node}, undici ${undici}.`
}

/** One row for each reason, in the order of the gaps. */
function gapTable(scorings: readonly Scoring[], except: ReadonlySet<string> = new Set()): string {
  const rows = GAPS.flatMap((gap) => {
    const { tests, why } = gap
    const here = scorings.filter(({ subject }) => concerns(gap, subject))
    const failed = here.flatMap(({ subject, score }) =>
      notPassed(score)
        .filter(({ test }) => tests.includes(test.id) && !except.has(test.id))
        .map(({ test, kind }) => ({ id: test.id, kind, where: subject.title })),
    )
    if (failed.length === 0) return []
    const ids = new Map(failed.map(({ id, kind }) => [id, kind === 'required' ? `\`${id}\` (required)` : `\`${id}\``]))
    const where = new Set(failed.map((failure) => failure.where))
    return [[[...ids.values()].join(', '), where.size === scorings.length ? 'all' : [...where].join(', '), why]]
  })
  return rows.length === 0 ? 'None.' : table(['tests', 'where', 'why'], rows)
}

function table(head: readonly string[], rows: readonly (readonly string[])[]): string {
  const line = (cells: readonly string[]): string => `| ${cells.join(' | ')} |`
  return [line(head), `|${'---|'.repeat(head.length)}`, ...rows.map(line)].join('\n')
}

const INTRODUCTION = `What every mount of the response cache scores in the public suite of HTTP cache tests,
[http-tests/cache-tests](https://github.com/http-tests/cache-tests). This page is written by \`npm run conformance\`.`

const READING = `Express, Koa, node and undici are run in the suite's proxy profile: a shared cache in front of a handler that forwards
everything to the suite's origin; for undici the cache stands behind that handler. In Koa the cache writes on the node
response where it is the first middleware, and answers through \`ctx\` elsewhere, so it is run both ways. The private
cache of undici is run in the client profile, in the process that makes the requests; RFC 9213 does not bind private
caches. \`policy\` is the only option given, beside \`type: 'private'\`.

*Required* and *optimal* are the suite's words. *Check* tests ask what a cache does where the standards leave it open:
their number is no score. Tests of RFC 9213 (targeted Cache-Control) are counted apart. A test whose dependency did not
pass counts as not passed.`

const SAFE = `\`safe\` is the default of the server mounts. It differs from the standard on purpose: what the standard lets a cache
store is more than what is wise to hand to everybody without having been asked.`

const PEERS = `What others scored in the proxy profile (150 required, 98 optimal, 10 required of RFC 9213) when this package was
designed, with the versions named. It is context and no ranking: each of them was made for more than this suite.

| cache | required | optimal | RFC 9213 |
|---|---|---|---|
| Apache Traffic Server 9.2 | 133 | 72 | 0 |
| Apache httpd 2.4 | 131 | 68 | 0 |
| undici 8.12, its own interceptor (shared) | 126 | 68 | 0 |
| Squid 5.7 | 121 | 58 | 0 |
| Varnish 7.1 | 119 | 45 | 0 |
| http-cache-semantics 4.3, wrapped | 118 | 55 | 0 |
| Caddy with Souin (as published) | 116 | 38 | 5 |
| cacheable-request 13 | 115 | 60 | 0 |
| nginx 1.22 | 101 | 58 | 0 |
| make-fetch-happen 16 | 86 | 36 | 0 |

In the client profile (137 required, 77 optimal): undici's own interceptor, private, 118 and 57; Chrome 117 and 56;
Safari 108 and 47; Firefox 106 and 40.`

const REPRODUCE = `\`\`\`sh
git clone https://github.com/http-tests/cache-tests
(cd cache-tests && npm i --no-save undici@7)
CACHE_TESTS=./cache-tests npm run conformance
\`\`\`

\`-- --repeat 3\` runs everything three times and names the tests that do not always end alike; \`-- --mount express\` and
\`-- --policy safe\` run a part, and leave this page alone. The command ends with 1 if a required or optimal test is not
passed that is not explained here.`
