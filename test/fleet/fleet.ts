/** Several processes that share one store. */
import { type ChildProcess, fork } from 'node:child_process'
import { once } from 'node:events'
import { request } from 'node:http'
import { fileURLToPath } from 'node:url'
import type { PurgeRequest } from '../../src/core/cache/purge.ts'
import type { HealthState } from '../../src/core/store/health.ts'
import type { StoreName } from '../support/places.ts'

export type Command = { readonly type: 'purge'; readonly what: PurgeRequest } | { readonly type: 'stats' }
export type Report =
  | { readonly type: 'ready'; readonly port: number }
  | { readonly type: 'run'; readonly path: string }
  | {
      readonly type: 'stats'
      readonly runs: number
      readonly hits: number
      /** The types of all events of the store. */
      readonly told: readonly string[]
      readonly health: HealthState
    }
  | { readonly type: 'done' }

export interface Answer {
  readonly status: number
  readonly body: string
  readonly cacheStatus: string
}

/** Milliseconds; a `nearTtl` of 0 is for no near tier. */
export interface Settings {
  readonly nearTtl?: number
  readonly storeTimeout?: number
}

/** What the processes share. */
export interface SharedPlace {
  readonly name: StoreName
  readonly address: string
}

/** One process. */
export class Member {
  readonly #child: ChildProcess
  port = 0
  readonly runs: string[] = []

  constructor({ name, address }: SharedPlace, { nearTtl = 0, storeTimeout = 100 }: Settings) {
    const program = fileURLToPath(new URL('child.ts', import.meta.url))
    this.#child = fork(program, [name, address, String(nearTtl), String(storeTimeout)], {
      stdio: ['ignore', 'inherit', 'inherit', 'ipc'],
    })
    this.#child.on('message', (report: Report) => {
      if (report.type === 'run') this.runs.push(report.path)
    })
  }

  async ready(): Promise<this> {
    const report = await this.next('ready')
    this.port = report.port
    return this
  }

  async next<T extends Report['type']>(type: T): Promise<Extract<Report, { type: T }>> {
    for (;;) {
      const [report] = (await once(this.#child, 'message')) as [Report]
      if (report.type === type) return report as Extract<Report, { type: T }>
    }
  }

  async purge(what: PurgeRequest): Promise<void> {
    const done = this.next('done')
    this.#child.send({ type: 'purge', what } satisfies Command)
    await done
  }

  async stats(): Promise<Extract<Report, { type: 'stats' }>> {
    const stats = this.next('stats')
    this.#child.send({ type: 'stats' } satisfies Command)
    return stats
  }

  /** Whether it ended, by itself or not. */
  get hasEnded(): boolean {
    return this.#child.exitCode !== null || this.#child.signalCode !== null
  }

  get(path: string): Promise<Answer> {
    return new Promise((resolve, reject) => {
      const asked = request({ port: this.port, host: '127.0.0.1', path, agent: false, headers: { host: 'fleet.test' } })
      asked.on('error', reject)
      asked.on('response', (response) => {
        const chunks: Buffer[] = []
        response.on('data', (chunk: Buffer) => chunks.push(chunk))
        response.on('error', reject)
        response.on('end', () =>
          resolve({
            status: response.statusCode ?? 0,
            body: Buffer.concat(chunks).toString(),
            cacheStatus: String(response.headers['cache-status']),
          }),
        )
      })
      asked.end()
    })
  }

  /** Ends it as a crash would. */
  async kill(): Promise<void> {
    if (this.hasEnded) return
    const gone = once(this.#child, 'exit')
    this.#child.kill('SIGKILL')
    await gone
  }
}

export function startFleet(size: number, place: SharedPlace, settings: Settings = {}): Promise<Member[]> {
  return Promise.all(Array.from({ length: size }, () => new Member(place, settings).ready()))
}
