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

/** ns of this process's CPU for one call, the median of the rounds. */
export function cpuOfCalls(contenders: readonly Contender[], effort: Effort): Promise<Map<string, number>> {
  return inTurns(contenders, effort, async ({ call }, times) => {
    for (let i = 0; i < times; i++) await call()
  })
}

/** The same for a call that is refused. */
export function cpuOfRefusals(contenders: readonly Contender[], effort: Effort): Promise<Map<string, number>> {
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

/** In one process, in turns, so that what else the machine does strikes all contenders alike. */
async function inTurns(
  contenders: readonly Contender[],
  { rounds, calls }: Effort,
  run: (contender: Contender, times: number) => Promise<void>,
): Promise<Map<string, number>> {
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
  return new Map([...figures].map(([name, values]) => [name, median(values)]))
}
