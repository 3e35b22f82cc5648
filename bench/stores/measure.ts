import { randomBytes } from 'node:crypto'
import { setFlagsFromString } from 'node:v8'
import { runInNewContext } from 'node:vm'
import { median } from '../statistics.ts'
import type { Contender } from './contender.ts'

export interface Effort {
  readonly rounds: number
  /** Bytes that each contender writes in a round; so many that it pays for collecting what it threw away. */
  readonly bytesPerRound: number
  /** Times that a small body is written in a round at most. */
  readonly mostTimes: number
}

setFlagsFromString('--expose-gc')
const collectGarbage = runInNewContext('gc') as () => void

export interface Figure {
  readonly name: string
  /** Microseconds of this process's CPU for one set and one get, the median of the rounds. */
  readonly cpu: number
  /** The same as a multiple of the first contender's. */
  readonly ratio: number
}

/** In one process, in turns, so that what else the machine does strikes all contenders alike. */
export async function measure(contenders: readonly Contender[], bytes: number, effort: Effort): Promise<Figure[]> {
  const times = Math.min(effort.mostTimes, Math.ceil(effort.bytesPerRound / bytes))
  const body = randomBytes(bytes)
  for (const contender of contenders) await check(contender, body)
  const rounds = new Map(contenders.map((contender) => [contender, [] as number[]]))
  for (let round = -1; round < effort.rounds; round++) {
    for (const contender of inTurn(contenders, round)) {
      const cpu = await setAndGet(contender, body, times)
      // The first round warms up.
      if (round >= 0) rounds.get(contender)?.push(cpu)
    }
  }
  const medians = contenders.map((contender) => median(rounds.get(contender) ?? []))
  return contenders.map(({ name }, index) => {
    const cpu = medians[index] ?? Number.NaN
    return { name, cpu, ratio: cpu / (medians[0] ?? Number.NaN) }
  })
}

async function setAndGet(contender: Contender, body: Buffer, times: number): Promise<number> {
  // What others threw away is not counted here.
  collectGarbage()
  const before = process.cpuUsage()
  for (let i = 0; i < times; i++) {
    const key = `key ${i % 10}`
    await contender.set(key, body)
    const found = await contender.get(key)
    if (found?.length !== body.length) throw new Error(`${contender.name} lost ${key}`)
  }
  const { user, system } = process.cpuUsage(before)
  return (user + system) / times
}

async function check(contender: Contender, body: Buffer): Promise<void> {
  await contender.set('check', body)
  if (!(await contender.get('check'))?.equals(body)) throw new Error(`${contender.name} does not keep what it is given`)
}

function inTurn<T>(items: readonly T[], round: number): T[] {
  const start = (round + items.length) % items.length
  return [...items.slice(start), ...items.slice(0, start)]
}
