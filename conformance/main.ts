/** Runs the public suite of HTTP cache tests against every mount, prints the scores and writes docs/conformance.md. */
import { readFileSync, writeFileSync } from 'node:fs'
import { createRequire } from 'node:module'
import { availableParallelism } from 'node:os'
import { parseArgs } from 'node:util'
import { NoCheckoutError, openCheckout } from './checkout.ts'
import { page, type Scoring, summary, unexplained } from './report.ts'
import { runSubject } from './run.ts'
import { SUBJECTS, type Subject } from './subjects.ts'

const { values: options } = parseArgs({
  options: {
    repeat: { type: 'string', default: '1' },
    mount: { type: 'string', multiple: true },
    policy: { type: 'string' },
  },
})

async function main(): Promise<number> {
  const repeat = Number(options.repeat)
  if (!Number.isInteger(repeat) || repeat < 1) throw new RangeError(`--repeat must be 1 or more, not ${options.repeat}`)
  const checkout = await openCheckout(process.env.CACHE_TESTS)
  const wanted = SUBJECTS.filter(isWanted)
  const scorings = await inParallel(wanted, async (subject): Promise<Scoring> => {
    const scoring = { subject, score: await runSubject(checkout, subject, repeat) }
    console.log(summary(scoring))
    return scoring
  })
  if (wanted.length === SUBJECTS.length) {
    const setting = { suite: checkout.version, node: process.versions.node, undici: undiciVersion(), repeat }
    writeFileSync(new URL('../docs/conformance.md', import.meta.url), page(scorings, setting))
  }
  return scorings.some((scoring) => unexplained(scoring).length > 0) ? 1 : 0
}

function isWanted({ mount, profile, policy }: Subject): boolean {
  const byMount = options.mount === undefined || options.mount.includes(mount ?? profile)
  return byMount && (options.policy === undefined || options.policy === policy)
}

/** A run waits more than it works, so there may be as many at once as processors. */
async function inParallel<In, Out>(inputs: readonly In[], work: (input: In) => Promise<Out>): Promise<Out[]> {
  const outputs: Out[] = []
  const left = inputs.entries()
  const worker = async (): Promise<void> => {
    for (const [i, input] of left) outputs[i] = await work(input)
  }
  await Promise.all(Array.from({ length: availableParallelism() }, worker))
  return outputs
}

function undiciVersion(): string {
  return JSON.parse(readFileSync(createRequire(import.meta.url).resolve('undici/package.json'), 'utf8')).version
}

try {
  process.exitCode = await main()
} catch (error) {
  if (!(error instanceof NoCheckoutError)) throw error
  console.error(error.message)
  process.exitCode = 2
}
