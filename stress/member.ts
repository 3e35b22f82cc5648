/** A process of the fleet, seen from its parent. */
import { type ChildProcess, fork } from 'node:child_process'
import { once } from 'node:events'
import { fileURLToPath } from 'node:url'
import type { PurgeRequest } from '../src/core/cache/purge.ts'
import type { StoreName } from '../test/support/places.ts'

export type Command =
  | { readonly type: 'raise'; readonly version: number }
  | { readonly type: 'purge'; readonly what: PurgeRequest }
  | { readonly type: 'memory' }
  | { readonly type: 'stats' }
  | { readonly type: 'close' }

export interface Question {
  readonly id: number
  readonly command: Command
}

export type Told =
  | { readonly type: 'ready'; readonly port: number; readonly pushes: boolean }
  | { readonly type: 'answer'; readonly id: number; readonly result: unknown }
  | { readonly type: 'failed'; readonly id: number; readonly message: string }

/** Bytes of a process, and those of them that its objects and buffers have. */
export interface Memory {
  readonly resident: number
  readonly used: number
}

export interface Stats {
  readonly hits: number
  /** What went wrong with the store, and how often. */
  readonly troubles: Readonly<Record<string, number>>
}

/** Names of what still held a process after it had closed everything. */
export interface Resources {
  readonly left: readonly string[]
}

/** A process that takes longer to do as told, or to end, hangs; ms. */
const patience = 15_000

export class Member {
  readonly #child: ChildProcess
  readonly #waiting = new Map<number, (told: Told) => void>()
  #asked = 0
  port = 0
  /** The store tells of purges by itself. */
  pushes = false
  state: 'running' | 'killed' | 'ended' | 'crashed' = 'running'

  constructor(store: StoreName, address: string, version: number) {
    const program = fileURLToPath(new URL('child.ts', import.meta.url))
    this.#child = fork(program, [store, address, String(version)], {
      execArgv: ['--expose-gc'],
      stdio: ['ignore', 'inherit', 'inherit', 'ipc'],
    })
    this.#child.on('message', (told: Told) => {
      if (told.type !== 'ready') this.#waiting.get(told.id)?.(told)
    })
    this.#child.on('exit', () => {
      if (this.state === 'running') this.state = 'crashed'
      for (const [id, answer] of this.#waiting) answer({ type: 'failed', id, message: 'the process is gone' })
    })
  }

  /** It may be told of a new version before it is ready, so its first message may be an answer. */
  ready(): Promise<this> {
    return new Promise((resolve, reject) => {
      this.#child.on('exit', () => reject(new Error('A process of the fleet could not start')))
      this.#child.on('message', (told: Told) => {
        if (told.type !== 'ready') return
        this.port = told.port
        this.pushes = told.pushes
        resolve(this)
      })
    })
  }

  raise(version: number): Promise<void> {
    return this.#ask({ type: 'raise', version })
  }

  purge(what: PurgeRequest): Promise<void> {
    return this.#ask({ type: 'purge', what })
  }

  /** After a collection. */
  memory(): Promise<Memory> {
    return this.#ask({ type: 'memory' })
  }

  stats(): Promise<Stats> {
    return this.#ask({ type: 'stats' })
  }

  /** Ends it as a crash would. */
  async kill(): Promise<void> {
    if (this.state === 'running') this.state = 'killed'
    await this.#end()
  }

  /** Closes its server and store, lets it end by itself, and tells what was left over. */
  async close(): Promise<string[]> {
    const { left } = await this.#ask<Resources>({ type: 'close' })
    this.state = 'ended'
    const gone = once(this.#child, 'exit', { signal: AbortSignal.timeout(2_000) })
    this.#child.disconnect()
    try {
      await gone
      return [...left]
    } catch {
      await this.#end()
      return [...left, 'it did not end by itself']
    }
  }

  async #end(): Promise<void> {
    if (this.#child.exitCode !== null || this.#child.signalCode !== null) return
    const gone = once(this.#child, 'exit')
    this.#child.kill('SIGKILL')
    await gone
  }

  #ask<T>(command: Command): Promise<T> {
    const id = ++this.#asked
    return new Promise<T>((resolve, reject) => {
      const answer = (told: Told): void => {
        clearTimeout(timer)
        this.#waiting.delete(id)
        if (told.type === 'answer') resolve(told.result as T)
        else reject(new Error(told.type === 'failed' ? told.message : told.type))
      }
      const timer = setTimeout(() => answer({ type: 'failed', id, message: `${command.type} hangs` }), patience)
      this.#waiting.set(id, answer)
      this.#child.send({ id, command } satisfies Question, (error) => {
        if (error) answer({ type: 'failed', id, message: error.message })
      })
    })
  }
}
