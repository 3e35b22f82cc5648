import { setFlagsFromString } from 'node:v8'
import { runInNewContext } from 'node:vm'
import { median } from '../statistics.ts'
import type { Contender } from './contenders.ts'

export interface Effort {
  readonly rounds: number
  /** Calls of each contender in a round. */
  readonly calls: number
}

setFlagsFromString('--expose-gc')
export const collectGarbage: () => void = runInNewContext('gc')

/** ns of this process's CPU for one call: of each contender, a figure a round. */
export type Rounds = ReadonlyMap<string, readonly number[]>

/** A call that is let through. */
export function cpuOfCalls(contenders: readonly Contender[], effort: Effort): Promise<Rounds> {
  return inTurns(contenders, effort, async ({ call }, times) => {
    for (let i = 0; i < times; i++) await call()
  })
}

/** A call that is refused. */
export function cpuOfRefusals(contenders: readonly Contender[], effort: Effort): Promise<Rounds> {
  return inTurns(contenders, effort, async ({ name, refuse = () => Promise.resolve() }, times) => {
    let refused = 0
    for (let i = 0; i < times; i++) {
      try {
        await refuse()
      } catch (error) {
        // Whoever gets the error reads what it says.
        if ((error as Error).message.length > 0) refused++
      }
    }
    if (refused !== times) throw new Error(`${name} let calls through`)
  })
}

/** The middle of the rounds, ns; undefined for who was not measured. */
export function middle(rounds: Rounds, name: string): number | undefined {
  const figures = rounds.get(name)
  return figures && median(figures)
}

/** How many times theirs ours is, the middle of what each round says: what disturbed a round disturbed both. */
export function multiple(rounds: Rounds, ours: string, theirs: string): number {
  const others = rounds.get(theirs) ?? []
  return median((rounds.get(ours) ?? []).map((figure, round) => figure / (others[round] ?? Number.NaN)))
}

/** In one process, in turns, so that what else the machine does strikes all contenders alike. */
async function inTurns(
  contenders: readonly Contender[],
  { rounds, calls }: Effort,
  run: (contender: Contender, times: number) => Promise<void>,
): Promise<Rounds> {
  const figures = new Map(contenders.map(({ name }) => [name, [] as number[]]))
  // The first two rounds warm up.
  for (let round = -2; round < rounds; round++) {
    for (const contender of contenders) {
      // What others threw away is not counted here.
      collectGarbage()
      const before = process.cpuUsage()
      await run(contender, calls)
      const { user, system } = process.cpuUsage(before)
      if (round >= 0) figures.get(contender.name)?.push(((user + system) * 1_000) / calls)
    }
  }
  return figures
}
