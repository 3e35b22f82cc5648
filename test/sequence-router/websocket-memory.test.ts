import { type ChildProcess, fork } from 'node:child_process'
import { once } from 'node:events'
import { setTimeout as sleep } from 'node:timers/promises'
import { fileURLToPath } from 'node:url'
import { afterAll, describe, expect, test } from 'vitest'
import { WebSocket } from 'ws'
import { frameworks } from './frameworks.ts'
import { STREAM } from './sockets.ts'

const MB = 1024 * 1024
const server = fileURLToPath(new URL('./memory-server.ts', import.meta.url))
const client = fileURLToPath(new URL('./socket-client.ts', import.meta.url))

/** Long enough to fill all that may be filled: without back-pressure it would be hundreds of MB. */
const PAUSE = 3_000

const children = new Set<ChildProcess>()
afterAll(() => {
  for (const child of children) child.kill('SIGKILL')
})

function started(program: string, words: readonly string[]): ChildProcess {
  const child = fork(program, words, { execArgv: ['--conditions=breakwater-source', '--expose-gc'] })
  children.add(child)
  return child
}

async function told<T>(child: ChildProcess): Promise<T> {
  const [message] = await once(child, 'message')
  return message as T
}

describe.concurrent.each(frameworks)('over WebSocket, clients of $name', ({ name }) => {
  test('that are paused or frozen take hardly any memory, whatever credit they gave', { timeout: 40_000 }, async () => {
    const child = started(server, [name])
    const { port } = await told<{ port: number }>(child)
    const url = `ws://127.0.0.1:${port}${STREAM}?limit=9000000&credit=9000000`
    const memory = async (): Promise<{ readonly most: number; readonly now: number }> => {
      child.send('tell')
      return told(child)
    }

    // What reading itself needs is there then.
    await readSome(url)
    const { now: before } = await memory()
    const leaves = await Promise.all([paused(url), frozen(url)])
    await sleep(PAUSE)
    const { most } = await memory()
    for (const leave of leaves) leave()
    child.kill('SIGKILL')
    // The bar is 20 MB for each; here are both.
    expect(most - before).toBeLessThan(20 * MB)
  })
})

async function readSome(url: string): Promise<void> {
  const socket = new WebSocket(url)
  let bytes = 0
  await new Promise<void>((resolve) => {
    socket.on('message', (data: Buffer) => {
      bytes += data.length
      if (bytes > 32 * MB) resolve()
    })
  })
  socket.terminate()
}

async function paused(url: string): Promise<() => void> {
  const socket = new WebSocket(url)
  await once(socket, 'open')
  socket.pause()
  return () => socket.terminate()
}

async function frozen(url: string): Promise<() => void> {
  const child = started(client, [url])
  await told(child)
  child.kill('SIGSTOP')
  return () => child.kill('SIGKILL')
}
