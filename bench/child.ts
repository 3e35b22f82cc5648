import { type ChildProcess, fork } from 'node:child_process'
import { once } from 'node:events'

/** A child process that answers each message with one. */
export class Child {
  readonly #process: ChildProcess
  readonly #first: Promise<unknown>

  constructor(file: string, settings: object, name: string) {
    const profiles = process.env.BENCH_PROFILES
    this.#process = fork(new URL(file, import.meta.url), {
      env: { ...process.env, NODE_ENV: 'production' },
      execArgv:
        profiles === undefined
          ? []
          : ['--cpu-prof', `--cpu-prof-dir=${profiles}`, `--cpu-prof-name=${name}.cpuprofile`],
    })
    this.#first = this.#message()
    this.#process.send(settings)
  }

  /** What the child says when it is ready. */
  ready<T>(): Promise<T> {
    return this.#first as Promise<T>
  }

  async ask<T>(question: object = {}): Promise<T> {
    const answer = this.#message()
    this.#process.send(question)
    return (await answer) as T
  }

  /** Ends the child and waits until it has gone. */
  async stop(): Promise<void> {
    if (this.#process.exitCode !== null) return
    const gone = once(this.#process, 'exit')
    this.#process.disconnect()
    await gone
  }

  #message(): Promise<unknown> {
    return new Promise((resolve, reject) => {
      const onExit = (code: number | null): void => reject(new Error(`A child process ended with ${code}`))
      this.#process.once('exit', onExit)
      this.#process.once('message', (message) => {
        this.#process.off('exit', onExit)
        resolve(message)
      })
    })
  }
}
