import { type ChildProcess, fork } from 'node:child_process'
import { EventEmitter, once } from 'node:events'
import { setTimeout as sleep } from 'node:timers/promises'
import { fileURLToPath } from 'node:url'
import { fromIterable, type Sequence } from 'breakwater'
import { afterEach, describe, expect, test, vi } from 'vitest'
import type { WebSocket } from 'ws'
import { Heartbeat } from '../../src/adapters/websocket/heartbeat.ts'
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
    const until = performance.now() + 10 * HEARTBEAT
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

describe('a heartbeat', () => {
  class Connection extends EventEmitter {
    pings = 0
    isCut = false

    ping(): void {
      this.pings++
    }

    terminate(): void {
      this.isCut = true
      this.emit('close')
    }
  }

  /** A connection, and what happens between one beat and the next, for so many beats. */
  function beaten(
    beats: number,
    between: (connection: Connection, heartbeat: Heartbeat, n: number) => void,
  ): Connection {
    vi.useFakeTimers()
    try {
      const connection = new Connection()
      const heartbeat = new Heartbeat(connection as unknown as WebSocket, 100)
      for (let n = 0; n < beats; n++) {
        between(connection, heartbeat, n)
        vi.advanceTimersByTime(100)
      }
      return connection
    } finally {
      vi.useRealTimers()
    }
  }

  test('cuts off who does not answer the first ping by the second', () => {
    expect(beaten(1, () => {})).toMatchObject({ isCut: false, pings: 1 })
    expect(beaten(2, () => {})).toMatchObject({ isCut: true, pings: 1 })
  })

  test.each(['pong', 'ping', 'message'])('stays while there is a %s between two pings', (sign) => {
    expect(beaten(20, (connection) => connection.emit(sign))).toMatchObject({ isCut: false, pings: 20 })
  })

  test('gives who was sent something four times as long', () => {
    expect(beaten(4, (_, heartbeat) => heartbeat.busy()).isCut).toBe(false)
    expect(beaten(5, (_, heartbeat) => heartbeat.busy()).isCut).toBe(true)
  })

  test('stays with who is sent more and takes it now and then', () => {
    const taking = (_: Connection, heartbeat: Heartbeat, n: number): void => {
      if (n % 4 === 3) heartbeat.show()
      heartbeat.busy()
    }
    expect(beaten(40, taking).isCut).toBe(false)
  })

  test('ends with the connection', () => {
    expect(beaten(9, (connection, _, n) => n === 1 && connection.emit('close'))).toMatchObject({
      isCut: false,
      pings: 1,
    })
  })
})
