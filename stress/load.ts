/** Clients that ask a fleet for popular and less popular paths and look at every answer. */
import { Agent, type IncomingHttpHeaders, request } from 'node:http'
import { setTimeout as pause } from 'node:timers/promises'
import { faultOf, paths } from './body.ts'
import type { Fleet } from './fleet.ts'
import type { Purges } from './purges.ts'
import { connections, restTime } from './settings.ts'
import type { Tally } from './tally.ts'

interface Answer {
  readonly status: number | undefined
  readonly fields: IncomingHttpHeaders
  readonly body: Buffer
}

/** A request that takes longer hangs; ms. */
const patience = 10_000

/** Loads the fleet until `signal`; resolves when the last answer is there. */
export async function load(fleet: Fleet, purges: Purges, tally: Tally, signal: AbortSignal): Promise<void> {
  const agent = new Agent({ keepAlive: true, scheduling: 'lifo' })
  const client = async (index: number): Promise<void> => {
    while (!signal.aborted) {
      await askOnce(fleet, index, purges, tally, agent)
      await rest(tally)
    }
  }
  await Promise.all(Array.from({ length: connections }, (_, index) => client(index)))
  agent.destroy()
}

async function rest(tally: Tally): Promise<void> {
  const time = Math.round(restTime * (0.5 + Math.random()))
  const start = performance.now()
  await pause(time)
  tally.lateness.push(performance.now() - start - time)
}

async function askOnce(fleet: Fleet, index: number, purges: Purges, tally: Tally, agent: Agent): Promise<void> {
  const member = fleet.at(index)
  const path = wantedPath()
  const at = performance.now()
  try {
    const { status, fields, body } = await get(member.port, path, agent)
    tally.requests.push({ at, took: performance.now() - at })
    if (status !== 200) {
      tally.failed.push(`${path}: status ${status}`)
      return
    }
    const fault = faultOf(path, fields, body)
    if (fault !== undefined) tally.wrong.push(fault)
    else purges.check(tally, path, Number(fields['x-version']), at)
  } catch (error) {
    if (member.state !== 'killed') tally.failed.push(`${path}: ${error}`)
  }
}

function get(port: number, path: string, agent: Agent): Promise<Answer> {
  return new Promise((resolve, reject) => {
    const asked = request({ port, host: '127.0.0.1', path, agent, headers: { host: 'stress.test' } })
    asked.setTimeout(patience, () => asked.destroy(new Error(`no answer within ${patience} ms`)))
    asked.on('error', reject)
    asked.on('response', (response) => {
      const chunks: Buffer[] = []
      response.on('data', (chunk: Buffer) => chunks.push(chunk))
      response.on('error', reject)
      response.on('end', () => {
        resolve({ status: response.statusCode, fields: response.headers, body: Buffer.concat(chunks) })
      })
    })
    asked.end()
  })
}

/** Zipf's law: the second path is wanted half as often as the first. */
const weights = paths.map((_, rank) => 1 / (rank + 1))
const total = weights.reduce((sum, weight) => sum + weight)

function wantedPath(): string {
  let left = Math.random() * total
  const rank = weights.findIndex((weight) => {
    left -= weight
    return left < 0
  })
  return paths.at(rank) as string
}
