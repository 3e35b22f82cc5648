import { Child } from './child.ts'
import { type Answer, fieldOf, httpGet } from './http-get.ts'
import type { Generator, Load } from './load/load.ts'
import { sockets } from './load/sockets.ts'
import { hasWrk, wrk } from './load/wrk.ts'
import { median } from './statistics.ts'
import type { SubjectName } from './subjects/index.ts'
import type { FixedAnswer } from './subjects/subject.ts'

/** What is asked of a group of servers, again and again. */
export interface ServerScenario {
  readonly name: string
  /** Bytes of the document. */
  readonly bytes: number
  readonly kind: 'hit' | '304' | 'miss'
  readonly subjects: readonly SubjectName[]
}

export interface Effort {
  readonly rounds: number
  /** Of each run. */
  readonly seconds: number
}

/** CPU microseconds for each request, by subject: one number for each round. */
export type Figures = ReadonlyMap<string, readonly number[]>

interface Running {
  readonly name: SubjectName
  readonly child: Child
  readonly load: Omit<Load, 'seconds'>
}

const PATH = '/item/1'
/** How often the processes of all subjects begin anew. */
export const STARTS = 3
/** Who repeats whose answer. */
const MODELS: Partial<Record<SubjectName, SubjectName>> = {
  raw: 'shield',
  'express-ceiling': 'express-cache',
  'koa-second-ceiling': 'koa-cache-second',
}
export const generator: Generator = hasWrk() ? wrk : sockets
export const generatorName = hasWrk() ? 'wrk' : 'sockets of our own'

/**
 * Measures all subjects of a scenario, one after the other in each round, all of them alive all the time. A few times
 * on the way their processes begin anew, as two processes that run the same code differ for as long as they live.
 */
export async function measure(scenario: ServerScenario, { rounds, seconds }: Effort): Promise<Figures> {
  const figures = new Map<string, number[]>(scenario.subjects.map((name) => [name, []]))
  const starts = Math.min(STARTS, rounds)
  for (let start = 0; start < starts; start++) {
    const first = Math.floor((rounds * start) / starts)
    const end = Math.floor((rounds * (start + 1)) / starts)
    await measureRounds(scenario, [first, end], seconds, figures)
  }
  return figures
}

/** Rounds, from `first` to the one before `end`, with processes of their own. */
async function measureRounds(
  scenario: ServerScenario,
  [first, end]: readonly [first: number, end: number],
  seconds: number,
  figures: ReadonlyMap<string, number[]>,
): Promise<void> {
  const running: Running[] = []
  try {
    // Those who repeat an answer come last.
    const names = [...scenario.subjects].sort((a, b) => Number(a in MODELS) - Number(b in MODELS))
    for (const name of names) running.push(await start(name, scenario, running))
    for (const each of running) await run(each, scenario, seconds, 'warm')
    for (let round = first; round < end; round++) {
      // Turned around every other round, so that nobody always follows the same one.
      for (const each of round % 2 === 0 ? running : [...running].reverse()) {
        figures.get(each.name)?.push(await run(each, scenario, seconds, String(round)))
      }
    }
  } finally {
    await Promise.all(running.map(({ child }) => child.stop()))
  }
}

async function start(name: SubjectName, scenario: ServerScenario, before: readonly Running[]): Promise<Running> {
  const model = before.find((each) => each.name === MODELS[name])
  const answer: FixedAnswer | undefined =
    model === undefined ? undefined : await httpGet(model.load.port, PATH, model.load.fields)
  const settings = { subject: name, bytes: scenario.bytes, delay: 0, answer }
  const child = new Child('./server-child.ts', settings, `${scenario.name}-${name}`)
  const { port } = await child.ready<{ port: number }>()
  if (scenario.kind === 'miss') return { name, child, load: { port, path: '/item/' } }
  const fields = scenario.kind === '304' ? { 'If-None-Match': validator(await httpGet(port, PATH)) } : {}
  await check(scenario, name, () => httpGet(port, PATH, fields))
  return { name, child, load: { port, path: PATH, fields } }
}

function validator(answer: Answer): string {
  return fieldOf(answer, 'etag') ?? '"none"'
}

/** A figure for a wrong answer would be worth nothing. */
async function check({ kind, bytes }: ServerScenario, name: SubjectName, ask: () => Promise<Answer>): Promise<void> {
  await ask()
  const { status, body } = await ask()
  const right = kind === '304' ? status === 304 && body === '' : status === 200 && Math.abs(body.length - bytes) < 100
  if (!right) throw new Error(`${name} answers ${status} with ${body.length} bytes to a ${kind}`)
}

async function run(
  { name, child, load }: Running,
  { kind }: ServerScenario,
  seconds: number,
  id: string,
): Promise<number> {
  const loaded: Load = { ...load, seconds, unique: kind === 'miss' ? id : undefined }
  const before = await child.ask<{ cpu: number }>()
  // wrk waits for content after a 304 that has a Content-Length, and some subjects send one.
  const answers = await (kind === '304' ? sockets : generator)(loaded)
  const after = await child.ask<{ cpu: number }>()
  if (answers === 0) throw new Error(`${name} answered nothing`)
  return (after.cpu - before.cpu) / answers
}

/** How often a subject's CPU time for a request fits into another's: one number for each round. */
export function ratios(figures: Figures, of: string, to: string): readonly number[] {
  const own = figures.get(of) ?? []
  const others = figures.get(to) ?? []
  return others.map((other, round) => other / (own[round] ?? Number.NaN))
}

/** The same as one number: the median over the rounds. */
export function ratio(figures: Figures, of: string, to: string): number {
  return median(ratios(figures, of, to))
}
