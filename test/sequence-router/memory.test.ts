import { type ChildProcess, fork } from 'node:child_process'
import { once } from 'node:events'
import { type IncomingMessage, request } from 'node:http'
import { setTimeout as sleep } from 'node:timers/promises'
import { fileURLToPath } from 'node:url'
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import { frameworks, MOUNT } from './frameworks.ts'

const MB = 1024 * 1024
const program = fileURLToPath(new URL('./memory-server.ts', import.meta.url))

/** Long enough to fill all that may be filled: without back-pressure it would be hundreds of MB. */
const PAUSE = 3_000

describe.concurrent.each(frameworks)('a client of $name', ({ name }) => {
  let child: ChildProcess
  let port: number
  beforeEach(async () => {
    child = fork(program, [name], { execArgv: ['--conditions=breakwater-source', '--expose-gc'] })
    const [told] = (await once(child, 'message')) as [{ port: number }]
    port = told.port
  })
  afterEach(async () => {
    child.kill()
    await once(child, 'exit')
  })

  async function memory(): Promise<{ readonly most: number; readonly now: number }> {
    child.send('tell')
    const [told] = (await once(child, 'message')) as [{ most: number; now: number }]
    return told
  }

  async function open(format: string): Promise<IncomingMessage> {
    const asking = request({ host: '127.0.0.1', port, path: `${MOUNT}/terms?limit=9000000&format=${format}` })
    asking.end()
    const [response] = (await once(asking, 'response')) as [IncomingMessage]
    response.on('error', () => {})
    return response
  }

  async function readSome(format: string): Promise<void> {
    const response = await open(format)
    let bytes = 0
    for await (const chunk of response) {
      bytes += chunk.length
      if (bytes > 32 * MB) break
    }
    response.destroy()
  }

  test('that reads nothing takes hardly any memory, whatever it asked for', { timeout: 40_000 }, async () => {
    const formats = ['json', 'array', 'ndjson', 'sse']
    // What reading itself needs is there then.
    for (const format of formats) await readSome(format)
    const { now: before } = await memory()
    const responses = await Promise.all(formats.map(open))
    for (const response of responses) response.pause()
    await sleep(PAUSE)
    const { most } = await memory()
    for (const response of responses) response.destroy()
    // The bar is 20 MB for each; here are all four.
    expect(most - before).toBeLessThan(20 * MB)
  })
})
