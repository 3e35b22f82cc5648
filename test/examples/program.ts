/** Programs of ours as child processes, as a user starts them. */
import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { fileURLToPath } from 'node:url'
import { request } from 'undici'
import { afterAll } from 'vitest'

export const root: string = fileURLToPath(new URL('../..', import.meta.url))

/** A busy machine takes its time to start a process and to load a framework. */
export const patience = 60_000

const running = new Set<ChildProcess>()

/** What a test left behind, because it failed or took too long, ends with its file. */
afterAll(() => {
  for (const child of running) child.kill('SIGKILL')
})

export interface Program {
  readonly pid: number
  /** What it has printed so far, by lines. */
  lines(): string[]
  /** The first http URL it prints; throws with what it said if it ends before. */
  address(): Promise<string>
  /** Its exit code once it has ended. */
  ended(): Promise<number | null>
  /** What it wrote to stderr so far. */
  complaints(): string
  stop(signal?: 'SIGINT' | 'SIGTERM'): Promise<number | null>
}

/** Starts a file of this repository with its sources in place of the built package. */
export function start(file: string, words: readonly string[] = [], environment: NodeJS.ProcessEnv = {}): Program {
  const child = spawn(process.execPath, ['--conditions=breakwater-source', file, ...words], {
    cwd: root,
    env: { ...process.env, PORT: '0', ...environment },
    stdio: ['ignore', 'pipe', 'pipe'],
  })
  running.add(child)
  child.once('exit', () => running.delete(child))
  return new Started(child)
}

class Started implements Program {
  readonly #child: ChildProcess
  readonly #exit: Promise<number | null>
  #said = ''
  #complained = ''

  constructor(child: ChildProcess) {
    this.#child = child
    this.#exit = once(child, 'close').then(([code]) => code as number | null)
    child.stdout?.on('data', (chunk: Buffer) => (this.#said += chunk.toString()))
    child.stderr?.on('data', (chunk: Buffer) => (this.#complained += chunk.toString()))
  }

  get pid(): number {
    return this.#child.pid as number
  }

  lines(): string[] {
    return this.#said.split('\n').filter((line) => line !== '')
  }

  complaints(): string {
    return this.#complained
  }

  async address(): Promise<string> {
    for (;;) {
      const found = /^(http:\S+)\n/m.exec(this.#said)?.[1]
      if (found !== undefined) return found
      const more = once(this.#child.stdout as NodeJS.ReadableStream, 'data').then(() => true)
      if (!(await Promise.race([more, this.#exit.then(() => false)]))) {
        throw new Error(`No address was printed:\n${this.#said}${this.#complained}`)
      }
    }
  }

  ended(): Promise<number | null> {
    return this.#exit
  }

  stop(signal: 'SIGINT' | 'SIGTERM' = 'SIGTERM'): Promise<number | null> {
    this.#child.kill(signal)
    return this.#exit
  }
}

/** An answer, read to its end. */
export interface Answer {
  readonly status: number
  /** Its Cache-Status. */
  readonly cache: string
  readonly headers: Headers
  readonly text: string
}

export interface Question {
  readonly method?: 'GET' | 'POST' | 'PUT' | 'DELETE'
  readonly headers?: Readonly<Record<string, string>>
  readonly body?: string
}

/** Asks over a connection of its own, so that a program can end as soon as it has answered. */
export async function ask(url: string, question: Question = {}): Promise<Answer> {
  const { statusCode: status, headers: fields, body } = await request(url, { ...question, reset: true })
  const headers = new Headers()
  for (const [name, lines] of Object.entries(fields)) {
    for (const line of [lines ?? []].flat()) headers.append(name, line)
  }
  return { status, cache: headers.get('cache-status') ?? '', headers, text: await body.text() }
}
