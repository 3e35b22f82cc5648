import { type ChildProcess, fork } from 'node:child_process'
import { once } from 'node:events'
import { setTimeout as sleep } from 'node:timers/promises'
import { fileURLToPath } from 'node:url'
import { fromIterable, type Sequence } from 'breakwater'
import { afterEach, describe, expect, test } from 'vitest'
import { frameworks } from './frameworks.ts'
import { STREAM, startSockets } from './sockets.ts'

const program = fileURLToPath(new URL('./socket-client.ts', import.meta.url))
const HEARTBEAT = 150

let frozen: ChildProcess | undefined
afterEach(() => {
  frozen?.kill('SIGKILL')
  frozen = undefined
})

/** Items of 16 KiB as fast as they are taken, or one and then nothing; and when it ended. */
function items(isEndless: boolean): { readonly sequence: Sequence; ended(): boolean } {
  let ended = false
  const sequence = fromIterable(
    async function* (signal) {
      try {
        do yield 'x'.repeat(16 * 1024)
        while (isEndless)
        await once(signal, 'abort')
      } finally {
        ended = true
      }
    },
    { id: 'items', cost: () => ({ bytes: 1, time: 1 }) },
  )
  return { sequence, ended: () => ended }
}

describe.each(frameworks)('the heartbeat of a WebSocket in $name', (framework) => {
  test.each([
    ['is sent nothing', false],
    ['is sent more than it takes', true],
  ])('finds a client that is frozen and %s', async (_what, isEndless) => {
    const { sequence, ended } = items(isEndless)
    const { port } = await startSockets(framework, { router: { sequence, heartbeat: HEARTBEAT } })
    frozen = fork(program, [`ws://127.0.0.1:${port}${STREAM}?limit=1000000&credit=1000000`])
    await once(frozen, 'message')
    // A client that answers stays.
    await sleep(4 * HEARTBEAT)
    expect(ended()).toBe(false)
    frozen.kill('SIGSTOP')
    await expect.poll(ended, { interval: 10, timeout: 10 * HEARTBEAT }).toBe(true)
  })

  test('stays with a client that is slow, but takes what it is sent', async () => {
    const { sequence, ended } = items(true)
    const { connect } = await startSockets(framework, { router: { sequence, heartbeat: 2 * HEARTBEAT } })
    const client = await connect('?limit=1000000&credit=1000000')
    const until = performance.now() + 20 * HEARTBEAT
    while (performance.now() < until) {
      client.ws.pause()
      await sleep(HEARTBEAT / 2)
      client.ws.resume()
      const heard = client.said.length
      await client.heard(heard + 60)
    }
    expect(ended()).toBe(false)
    client.ws.terminate()
    await expect.poll(ended).toBe(true)
  })
})
