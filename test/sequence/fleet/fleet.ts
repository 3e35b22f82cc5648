/** Many processes that read terms which are kept in one store. */
import { type ChildProcess, fork } from 'node:child_process'
import { once } from 'node:events'
import { fileURLToPath } from 'node:url'

/** Terms from `start` up to, but not, `end`. */
export interface Reading {
  readonly start: number
  readonly end: number
}

export type Report =
  | { readonly type: 'ready' }
  | { readonly type: 'computed'; readonly terms: number }
  | { readonly type: 'read'; readonly terms: number; readonly digest: string }

export class Reader {
  readonly #child: ChildProcess
  /** Terms that it has computed, but for the last few. */
  computed = 0
  /** When it last said that it had computed some, ms since the epoch. */
  computedAt = 0

  constructor(kind: 'redis' | 'postgres', url: string, blockSize: number) {
    const program = fileURLToPath(new URL('child.ts', import.meta.url))
    this.#child = fork(program, [kind, url, String(blockSize)], { stdio: ['ignore', 'inherit', 'inherit', 'ipc'] })
    this.#child.on('message', (report: Report) => {
      if (report.type !== 'computed') return
      this.computed += report.terms
      this.computedAt = Date.now()
    })
  }

  async ready(): Promise<this> {
    await this.#next('ready')
    return this
  }

  /** Undefined where the process was killed before it had read all. */
  async read(reading: Reading): Promise<Extract<Report, { type: 'read' }> | undefined> {
    this.#child.send(reading)
    return this.#next('read')
  }

  /** Kills it, as a crash would. */
  async kill(): Promise<void> {
    if (this.#child.exitCode !== null || this.#child.signalCode !== null) return
    const gone = once(this.#child, 'exit')
    this.#child.kill('SIGKILL')
    await gone
  }

  #next<T extends Report['type']>(type: T): Promise<Extract<Report, { type: T }> | undefined> {
    return new Promise((resolve) => {
      const onMessage = (report: Report): void => {
        if (report.type !== type) return
        this.#child.off('exit', onExit)
        this.#child.off('message', onMessage)
        resolve(report as Extract<Report, { type: T }>)
      }
      const onExit = (): void => resolve(undefined)
      this.#child.on('message', onMessage)
      this.#child.once('exit', onExit)
    })
  }
}
