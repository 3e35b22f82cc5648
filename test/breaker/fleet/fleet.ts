/** Several processes that call one upstream and share its breaker. */
import { type ChildProcess, fork } from 'node:child_process'
import { once } from 'node:events'
import { createServer, type Server } from 'node:http'
import type { AddressInfo } from 'node:net'
import { fileURLToPath } from 'node:url'
import type { BreakerRegistryOptions, BreakerState, BreakerStatus, SharingMode } from '../../../src/index.ts'

export interface Settings {
  readonly url: string
  readonly port: number
  /** ms between two calls. */
  readonly pace: number
  readonly options: Omit<BreakerRegistryOptions, 'store' | 'clock' | 'random' | 'isFailure'>
}

export type Command =
  | { readonly type: 'aim'; readonly port: number }
  | { readonly type: 'isolate' }
  | { readonly type: 'reset' }
  | { readonly type: 'ask' }

export type Report =
  | { readonly type: 'ready' }
  | {
      readonly type: 'state'
      readonly state: BreakerState
      readonly override: string | undefined
      readonly reason: string
      readonly at: number
    }
  | { readonly type: 'mode'; readonly mode: SharingMode }
  | { readonly type: 'status'; readonly status: BreakerStatus; readonly calls: number }
  | { readonly type: 'slow'; readonly ms: number }

type Told<T extends Report['type']> = Extract<Report, { type: T }>

/** One process. */
export class Member {
  readonly #child: ChildProcess
  readonly #told: Report[] = []

  constructor(settings: Settings) {
    const program = fileURLToPath(new URL('child.ts', import.meta.url))
    this.#child = fork(program, [JSON.stringify(settings)], { stdio: ['ignore', 'inherit', 'inherit', 'ipc'] })
    this.#child.on('message', (report: Report) => this.#told.push(report))
  }

  get pid(): number | undefined {
    return this.#child.pid
  }

  async ready(): Promise<this> {
    await once(this.#child, 'message')
    return this
  }

  told<T extends Report['type']>(type: T): Told<T>[] {
    return this.#told.filter((report): report is Told<T> => report.type === type)
  }

  send(command: Command): void {
    this.#child.send(command)
  }

  ask(): Promise<Told<'status'>> {
    return new Promise((resolve) => {
      const heed = (report: Report): void => {
        if (report.type !== 'status') return
        this.#child.off('message', heed)
        resolve(report)
      }
      this.#child.on('message', heed)
      this.send({ type: 'ask' })
    })
  }

  /** Ends it as a crash would. */
  async kill(): Promise<void> {
    if (this.#child.exitCode !== null || this.#child.signalCode !== null) return
    const gone = once(this.#child, 'exit')
    this.#child.kill('SIGKILL')
    await gone
  }
}

export function startFleet(size: number, settings: Settings): Promise<Member[]> {
  return Promise.all(Array.from({ length: size }, () => new Member(settings).ready()))
}

interface Seen {
  readonly kind: string
  readonly generation: number
  readonly pid: number
}

/** An upstream that does as it is told, and remembers who called. */
export class Upstream {
  status: number | 'hang' = 200
  readonly seen: Seen[] = []
  readonly #server: Server

  constructor() {
    this.#server = createServer(({ headers }, response) => {
      const { kind, generation, pid } = headers
      this.seen.push({ kind: String(kind), generation: Number(generation), pid: Number(pid) })
      if (this.status !== 'hang') response.writeHead(this.status).end()
    })
  }

  get probes(): Seen[] {
    return this.seen.filter(({ kind }) => kind === 'probe')
  }

  async start(): Promise<number> {
    this.#server.listen(0, '127.0.0.1')
    await once(this.#server, 'listening')
    return (this.#server.address() as AddressInfo).port
  }

  stop(): void {
    this.#server.close()
    this.#server.closeAllConnections()
  }
}
