/** Streams whose readers are slow, or gone: nothing piles up, and nobody is held up by them. */
import { type ChildProcess, fork } from 'node:child_process'
import { once } from 'node:events'
import type { IncomingMessage, ServerResponse } from 'node:http'
import { connect, type Socket } from 'node:net'
import { setTimeout as sleep } from 'node:timers/promises'
import { fileURLToPath } from 'node:url'
import zlib from 'node:zlib'
import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest'
import { requestText } from '../transparency/raw-client.ts'
import { start, textOf } from './subject.ts'
import { subjects } from './subjects/index.ts'
import { ask, codings, decodedStream, open } from './wire.ts'

const MB = 1024 * 1024
const program = fileURLToPath(new URL('./stream-server.ts', import.meta.url))

interface Told {
  /** Bytes: the most resident memory since it was last asked. */
  readonly most: number
  readonly rss: number
  /** Bytes in the heap and outside of it, zlib's tables included. */
  readonly used: number
  readonly written: number
  readonly running: number
  /** Of each answer under way, the bytes that the kernel does not have yet. */
  readonly ahead: readonly number[]
  /** How many are not closed. */
  readonly compressors: number
  /** How many are in memory, of all there were. */
  readonly responses: number
  /** Of each answer under way, on its most listened to event. */
  readonly listeners: readonly number[]
  readonly handles: readonly string[]
}

describe('a server of streams', () => {
  let child: ChildProcess
  let port: number
  const sockets: Socket[] = []
  beforeEach(async () => {
    child = fork(program, {
      execArgv: ['--conditions=breakwater-source', '--expose-gc'],
      // What malloc keeps for each thread of zlib's differs from run to run.
      env: { ...process.env, MALLOC_ARENA_MAX: '1' },
    })
    ;[{ port }] = (await once(child, 'message')) as [{ port: number }]
  })
  afterEach(async () => {
    for (const socket of sockets.splice(0)) socket.destroy()
    child.kill()
    await once(child, 'exit')
  })

  async function tell(how: 'tell' | 'collect' = 'tell'): Promise<Told> {
    child.send(how)
    const [told] = (await once(child, 'message')) as [Told]
    return told
  }

  /** A client that asks and never reads. */
  async function stalled(path: string, coding: string): Promise<Socket> {
    const socket = connect(port, '127.0.0.1')
    sockets.push(socket)
    socket.on('error', () => {})
    await once(socket, 'connect')
    socket.pause()
    socket.write(requestText({ path, lines: [`Accept-Encoding: ${coding}`] }))
    return socket
  }

  /** Reads for so many ms, about as fast as said. */
  async function readFor(response: IncomingMessage, ms: number, bytesPerSecond = Infinity): Promise<number> {
    const until = performance.now() + ms
    let bytes = 0
    for await (const chunk of response) {
      bytes += chunk.length
      if (performance.now() > until) break
      if (bytesPerSecond !== Infinity) await sleep((chunk.length / bytesPerSecond) * 1000)
    }
    return bytes
  }

  /** Until all answers under way have stopped to write. */
  async function untilNothingIsWritten(): Promise<void> {
    let last = 0
    await expect
      .poll(
        async () => {
          const { written } = await tell()
          const stood = written > 0 && written === last
          last = written
          return stood
        },
        { timeout: 10_000, interval: 100 },
      )
      .toBe(true)
  }

  test('holds at most 20 MB more for all clients together that read nothing for 3 s', async () => {
    for (const coding of codings) await readFor(await open(port, coding, { path: '/items' }), 100)
    await expect.poll(async () => (await tell()).running).toBe(0)
    const before = await tell('collect')
    for (const coding of codings) await stalled('/items', coding)
    // What is measured is what happens in this time.
    await sleep(3_000)
    const { most, running, written } = await tell()
    expect(most - before.rss).toBeLessThan(20 * MB)
    expect(running).toBe(codings.length)
    const after = await tell('collect')
    expect(after.used - before.used).toBeLessThan(4 * MB)
    // Nothing was written in the last moments: they all stand still.
    expect(after.written).toBe(written)
  })

  test.each([
    ['/items', 192],
    ['/large-items', 1_280],
  ])(
    'takes nothing from its sources for clients that do not read: %s, at most %i KiB more than is sent',
    async (path, most) => {
      for (const coding of codings) await stalled(path, coding)
      await untilNothingIsWritten()
      const { ahead, listeners } = await tell()
      expect(ahead).toHaveLength(codings.length)
      for (const bytes of ahead) expect(bytes).toBeLessThan(most * 1024)
      for (const count of listeners) expect(count).toBeLessThan(5)
    },
  )

  test('writes nothing ahead of a slow reader, however large its items are', async () => {
    await readFor(await open(port, 'gzip', { path: '/large-items' }), 500)
    const response = await open(port, 'gzip', { path: '/large-items' })
    const most: number[] = []
    const done = performance.now() + 2_000
    for await (const _chunk of response) {
      if (performance.now() > done) break
      if (most.length < 100) most.push(...(await tell()).ahead)
      await sleep(10)
    }
    expect(Math.max(...most)).toBeLessThan(1_280 * 1024)
  })

  test('has nothing left of 600 clients that went away while it waited for them', async () => {
    const leave = async (): Promise<void> => {
      await Promise.all(
        Array.from({ length: 50 }, async (_, i) => {
          const socket = await stalled('/items', codings[i % codings.length] as string)
          await once(socket, 'readable')
          socket.destroy()
        }),
      )
      await expect.poll(async () => (await tell()).running, { timeout: 10_000 }).toBe(0)
      // Closed by ourselves, not when they happen to be collected.
      await expect.poll(async () => (await tell()).compressors, { timeout: 20_000 }).toBe(0)
    }
    // The heap grows to its size at first, with compression as without.
    for (let i = 0; i < 5; i++) await leave()
    const before = await tell('collect')
    for (let i = 0; i < 12; i++) await leave()
    const after = await tell('collect')
    expect(after.responses).toBe(0)
    expect(after.used - before.used).toBeLessThan(2 * MB)
    expect(after.rss - before.rss).toBeLessThan(30 * MB)
    await expect
      .poll(async () => (await tell()).handles.filter((name) => /TCPSocket|Zlib|Zstd|Brotli/i.test(name)))
      .toEqual([])
  })

  test('has nothing left of clients that stood still before they went away', async () => {
    const standing = await Promise.all(codings.map((coding) => stalled('/items', coding)))
    await untilNothingIsWritten()
    for (const socket of standing) socket.destroy()
    await expect.poll(async () => (await tell()).running).toBe(0)
    const { compressors, responses } = await tell('collect')
    expect([compressors, responses]).toEqual([0, 0])
  })

  test('answers others while many clients stand still in the middle of theirs', async () => {
    for (let i = 0; i < 20; i++) await stalled('/items', codings[i % codings.length] as string)
    await expect.poll(async () => (await tell()).running).toBe(20)
    await untilNothingIsWritten()
    for (const coding of codings) {
      const asked = performance.now()
      expect((await ask(port, coding, { path: '/other' })).text).toBe('other '.repeat(20_000))
      expect(performance.now() - asked).toBeLessThan(1_000)
      expect(await readFor(await open(port, coding, { path: '/items' }), 100)).toBeGreaterThan(10_000)
    }
  })
})

describe.each(subjects)('$name', (subject) => {
  test.each(['zstd', 'gzip'])('thousands of writes leave no listeners on the response: %s', async (coding) => {
    let most = 0
    const count = (response: ServerResponse): void => {
      for (const name of response.eventNames()) most = Math.max(most, response.listenerCount(name))
    }
    const server = await start(subject, {
      raw: async (_request, response) => {
        response.writeHead(200, { 'Content-Type': 'text/plain' })
        for (let i = 0; i < 2_000; i++) {
          if (!response.write(textOf(600))) await once(response, 'drain')
          count(response)
        }
        response.end()
      },
    })
    const response = await open(server.port, coding)
    let bytes = 0
    for await (const chunk of decodedStream(response)) bytes += chunk.length
    expect(bytes).toBe(2_000 * 600)
    expect(most).toBeLessThan(8)
  })

  test('no more than so many steps of compressing run at once, of whole contents and of streams', async () => {
    let running = 0
    let most = 0
    /** Counts a step from its start until its callback is called. */
    const counted = <Callback extends (...given: never[]) => void>(callback: Callback | undefined): Callback => {
      most = Math.max(most, ++running)
      return ((...given) => {
        running--
        callback?.(...given)
      }) as Callback
    }
    const { brotliCompress, createBrotliCompress } = zlib
    vi.spyOn(zlib, 'brotliCompress').mockImplementation(((content, options, callback) =>
      brotliCompress(content, options as never, counted(callback as never))) as typeof brotliCompress)
    vi.spyOn(zlib, 'createBrotliCompress').mockImplementation((options) => {
      const stream = createBrotliCompress(options)
      const { write } = stream
      stream.write = ((content: Buffer, callback: () => void) =>
        write.call(stream, content, counted(callback) as never)) as never
      return stream
    })
    const server = await start(subject, {
      compression: { concurrency: 2, order: ['br'] },
      raw: (request, response) => {
        response.writeHead(200, { 'Content-Type': 'text/plain' })
        if (!request.url?.startsWith('/stream')) return response.end(`${request.url}${textOf(300_000)}`)
        for (let i = 0; i < 10; i++) response.write(textOf(30_000))
        response.end()
      },
    })
    const paths = Array.from({ length: 20 }, (_, i) => (i % 2 === 0 ? `/whole-${i}` : `/stream-${i}`))
    const answers = await Promise.all(paths.map((path) => server.ask('br', { path })))
    vi.restoreAllMocks()
    expect(answers.every(({ text, whole }) => whole && text.length >= 300_000)).toBe(true)
    expect([most, running]).toEqual([2, 0])
  })
})
