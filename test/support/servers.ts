/** Private servers for tests, and tests that are skipped by name where a server's program is missing. */
import { type ChildProcess, spawn } from 'node:child_process'
import { accessSync, constants, existsSync, globSync, mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs'
import { connect, createServer } from 'node:net'
import { tmpdir } from 'node:os'
import { delimiter, join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { describe, test } from 'vitest'

/** Where Debian puts programs that are not on everybody's PATH. */
const usualPlaces = ['/usr/bin', '/usr/sbin', '/usr/local/bin', '/usr/lib/postgresql/*/bin']

/** How long a server may take to answer its first request, and how often it is asked. */
const readyWithin = 10_000
const askEvery = 10

/** The full path of a program, or undefined if the machine does not have it. */
export function findProgram(name: string): string | undefined {
  const folders = [...(process.env.PATH ?? '').split(delimiter).filter(Boolean), ...usualPlaces.flatMap(expand)]
  return folders.map((folder) => join(folder, name)).find(isExecutable)
}

/** The full path of a program; throws a sentence if the machine does not have it. */
export function requireProgram(name: string): string {
  const path = findProgram(name)
  if (path === undefined) throw new Error(`${name} is not installed; scripts/install-test-servers installs it.`)
  return path
}

/**
 * `describe` for tests that need a program. Without it they are skipped under their own names;
 * with REQUIRE_SERVERS=1 a missing program is a failure instead.
 */
export function describeWithProgram(program: string, title: string, tests: () => void): void {
  if (findProgram(program) !== undefined) {
    describe(title, tests)
  } else if (process.env.REQUIRE_SERVERS === '1') {
    describe(title, () => {
      test(`needs ${program}`, () => {
        requireProgram(program)
      })
    })
  } else {
    describe.skip(`${title} (needs ${program})`, tests)
  }
}

/** A server of our own, in a process of its own. */
export interface TestServer {
  readonly port: number
  /** Ends it in an orderly way and removes what it kept. Harmless if it is already gone. */
  stop(): Promise<void>
  /** Ends it at once, as a crash would. Clients see their connections break. */
  kill(): Promise<void>
  /** Starts it again on the same port, after stopping it if it still runs. */
  restart(): Promise<void>
  /** Freezes it: connections stay open, and once this resolves nothing answers. */
  pause(): Promise<void>
  resume(): void
}

/** Starts a server on a free loopback port. `launch` resolves once it answers; `folder` is what it keeps things in. */
export async function startServer(
  launch: (port: number) => Promise<ChildProcess>,
  folder?: string,
): Promise<TestServer> {
  const { port, first } = await onFreePort(launch)
  let running = first
  return {
    port,
    stop: async () => {
      await end(running, 'SIGTERM')
      if (folder !== undefined) rmSync(folder, { recursive: true, force: true })
    },
    kill: () => end(running, 'SIGKILL'),
    restart: async () => {
      await end(running, 'SIGTERM')
      running = await launch(port)
    },
    pause: () => freeze(running.pid!),
    resume: () => void running.kill('SIGCONT'),
  }
}

/** Stops a process and waits until each of its threads stands still: a signal is only on its way when `kill` returns. */
export async function freeze(pid: number): Promise<void> {
  process.kill(pid, 'SIGSTOP')
  while (!threadStates(pid).every((state) => 'TtZX'.includes(state))) await sleep(1)
}

/** As Linux tells them; elsewhere none. */
function threadStates(pid: number): string[] {
  const tasks = `/proc/${pid}/task`
  if (!existsSync(tasks)) return []
  // The name in parentheses may have any character in it.
  return readdirSync(tasks).map((task) => readFileSync(`${tasks}/${task}/stat`, 'utf8').split(') ').at(-1)!.charAt(0))
}

export interface RedisServer extends TestServer {
  readonly url: string
}

/**
 * Starts an empty redis-server of our own. It keeps nothing on disk: after a restart it is empty.
 * `more` are settings of redis.conf.
 */
export async function startRedis(more: Readonly<Record<string, string>> = {}): Promise<RedisServer> {
  const program = requireProgram('redis-server')
  const folder = mkdtempSync(join(tmpdir(), 'breakwater-redis-'))
  const launch = (port: number) => launchServer(program, redisArguments(port, folder, more), () => answersPing(port))
  const server = await startServer(launch, folder)
  return { ...server, url: `redis://127.0.0.1:${server.port}` }
}

function redisArguments(port: number, folder: string, more: Readonly<Record<string, string>>): string[] {
  const settings = { port, bind: '127.0.0.1', dir: folder, save: '', appendonly: 'no', daemonize: 'no', ...more }
  return Object.entries(settings).flatMap(([name, value]) => [`--${name}`, String(value)])
}

/** Another process may take the port between the moment we learn it is free and the server's start. */
export async function onFreePort(launch: (port: number) => Promise<ChildProcess>, attempts = 3) {
  for (let attempt = 1; ; attempt++) {
    const port = await freePort()
    try {
      return { port, first: await launch(port) }
    } catch (error) {
      if (attempt === attempts) throw error
    }
  }
}

export async function launchServer(
  program: string,
  args: string[],
  ready: () => Promise<boolean>,
  user: { readonly uid?: number; readonly gid?: number } = {},
): Promise<ChildProcess> {
  const child = spawn(program, args, { stdio: ['ignore', 'pipe', 'pipe'], ...user })
  endWithUs(child)
  let said = ''
  const listen = (chunk: Buffer) => {
    said = (said + chunk.toString()).slice(-2000)
  }
  child.stdout.on('data', listen)
  child.stderr.on('data', listen)
  child.on('error', (error) => {
    said += error.message
  })

  const deadline = performance.now() + readyWithin
  while (performance.now() < deadline && !hasEnded(child)) {
    if ((await ready()) && !hasEnded(child)) return child
    await sleep(askEvery)
  }
  await end(child, 'SIGKILL')
  throw new Error(`${program} did not become ready:\n${said}`)
}

/** A test run that is cut short must not leave servers behind. */
function endWithUs(child: ChildProcess): void {
  const kill = () => void child.kill('SIGKILL')
  process.once('exit', kill)
  child.once('exit', () => process.off('exit', kill))
}

export async function end(child: ChildProcess, signal: 'SIGTERM' | 'SIGINT' | 'SIGKILL'): Promise<void> {
  if (hasEnded(child)) return
  const ended = new Promise<void>((resolve) => child.once('exit', () => resolve()))
  child.kill(signal)
  // A paused process takes SIGTERM only once it goes on.
  child.kill('SIGCONT')
  await ended
}

function hasEnded(child: ChildProcess): boolean {
  return child.pid === undefined || child.exitCode !== null || child.signalCode !== null
}

/** Whether whatever listens on the port answers Redis' PING, or wants a password first. */
export function answersPing(port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = connect(port, '127.0.0.1', () => socket.write('PING\r\n'))
    const answer = (is: boolean) => {
      socket.destroy()
      resolve(is)
    }
    socket.once('data', (chunk) => answer(/^(\+PONG|-NOAUTH)/.test(chunk.toString())))
    socket.once('error', () => answer(false))
    socket.setTimeout(1000, () => answer(false))
  })
}

export function freePort(): Promise<number> {
  return new Promise((resolve, reject) => {
    const server = createServer()
    server.once('error', reject)
    server.listen(0, '127.0.0.1', () => {
      const address = server.address()
      const port = typeof address === 'object' && address !== null ? address.port : 0
      server.close(() => resolve(port))
    })
  })
}

function expand(folder: string): string[] {
  return folder.includes('*') ? globSync(folder) : [folder]
}

function isExecutable(path: string): boolean {
  try {
    accessSync(path, constants.X_OK)
    return true
  } catch {
    return false
  }
}
