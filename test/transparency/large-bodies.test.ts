import { fork } from 'node:child_process'
import { subscribe, unsubscribe } from 'node:diagnostics_channel'
import { once } from 'node:events'
import {
  closeSync,
  globSync,
  mkdtempSync,
  openSync,
  readdirSync,
  readlinkSync,
  rmSync,
  truncateSync,
  writeSync,
} from 'node:fs'
import { createServer, get, type IncomingMessage, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { buffer } from 'node:stream/consumers'
import { setTimeout as sleep } from 'node:timers/promises'
import { type Events, ResponseCache } from 'breakwater'
import { shield } from 'breakwater/node'
import { diskStore } from 'breakwater/stores/disk'
import { afterEach, beforeEach, expect, test, vi } from 'vitest'

const MiB = 2 ** 20
const size = 16 * MiB

let folder: string
const closing: (() => unknown)[] = []
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'breakwater-large-'))
})
afterEach(async () => {
  for (const close of closing.splice(0)) await close()
  rmSync(folder, { recursive: true, force: true })
})

/** Bodies whose every 4 bytes are their place, and that differ by seed. */
function bodyOf(seed: number, bytes = size): Buffer {
  const body = Buffer.allocUnsafe(bytes)
  for (let i = 0; i < bytes; i += 4) body.writeUInt32LE(i + seed, i)
  return body
}

interface Running {
  readonly port: number
  readonly store: ReturnType<typeof diskStore>
  readonly responses: ResponseCache
  readonly asked: () => number
  /** Milliseconds. */
  readonly pass: (ms: number) => void
}

/** A server whose answers are kept in a folder; resolves when the answer to `/` is there. */
async function start(answer?: (response: ServerResponse, calls: number) => void): Promise<Running> {
  const store = diskStore({ folder })
  let passed = 0
  const clock = { now: () => Date.now() + passed, monotonic: () => performance.now() + passed }
  const responses = new ResponseCache({ store, storeTimeout: 5000, clock })
  let asked = 0
  const listener = shield(
    (_request, response) => {
      asked++
      if (answer !== undefined) return answer(response, asked)
      response.end(bodyOf(asked))
    },
    { cache: { cache: responses, ttl: 600_000 } },
  )
  const server = createServer(listener)
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  closing.push(
    () => server.closeAllConnections(),
    () => new Promise((resolve) => server.close(resolve)),
    () => store.close(),
  )
  const { port } = server.address() as AddressInfo
  const written = vi.spyOn(store, 'set')
  await buffer(await ask(port))
  await vi.waitFor(() => expect(written.mock.settledResults[0]?.type).toBe('fulfilled'), 20_000)
  const pass = (ms: number): void => {
    passed += ms
  }
  return { port, store, responses, asked: () => asked, pass }
}

async function ask(port: number, headers: Record<string, string> = {}, path = '/'): Promise<IncomingMessage> {
  const asking = get({ port, host: '127.0.0.1', path, headers, agent: false })
  const [response] = (await once(asking, 'response')) as [IncomingMessage]
  return response
}

/** Bodies of the store that this process holds open. */
function heldOpen(): string[] {
  return readdirSync('/proc/self/fd').flatMap((fd) => {
    try {
      const path = readlinkSync(`/proc/self/fd/${fd}`)
      return path.startsWith(folder) && path.includes('=body') ? [path] : []
    } catch {
      return []
    }
  })
}

const bodyFile = (): string => globSync(join(folder, 'breakwater-1/items/**/*=body'))[0] ?? ''

/** Changes one byte of the stored body. */
function damage(position: number): void {
  const file = openSync(bodyFile(), 'r+')
  writeSync(file, Buffer.from([0xaa, 0x55, 0xaa, 0x55]), 0, 4, position)
  closeSync(file)
}

function events(): Events['breakwater:store'][] {
  const told: Events['breakwater:store'][] = []
  const listener = (message: unknown): void => void told.push(message as Events['breakwater:store'])
  subscribe('breakwater:store', listener)
  closing.push(() => unsubscribe('breakwater:store', listener))
  return told
}

test('a client reads on what was replaced, removed and purged meanwhile, byte for byte', async () => {
  const { port, store, responses } = await start()
  for (const change of [
    () => store.clear(),
    () => responses.purge({ url: '/' }),
    async () => {
      for (const file of globSync(join(folder, 'breakwater-1/items/**/*')))
        rmSync(file, { force: true, recursive: true })
    },
  ]) {
    const before = await buffer(await ask(port))
    await vi.waitFor(async () => expect((await ask(port)).headers['cache-status']).toContain('hit'))
    const response = await ask(port)
    await once(response, 'readable')
    await change()
    // A new one takes its place.
    await buffer(await ask(port))
    expect((await buffer(response)).equals(before)).toBe(true)
  }
}, 20_000)

test.each([
  ['the beginning', () => damage(1000)],
  ['the length', () => truncateSync(bodyFile(), size - 1000)],
  ['the file, which is gone', () => rmSync(bodyFile())],
])('a body that is damaged in %s is a miss', async (_, harm) => {
  const { port, asked } = await start()
  harm()
  expect((await buffer(await ask(port))).equals(bodyOf(2))).toBe(true)
  expect(asked()).toBe(2)
  expect(heldOpen()).toEqual([])
})

test('a body that is damaged further on cuts the connection, tells so, and is a miss from then on', async () => {
  const { port, asked } = await start()
  const told = events()
  damage(size / 2)
  const response = await ask(port)
  expect(response.statusCode).toBe(200)
  let bytes = 0
  response.on('data', (chunk: Buffer) => {
    bytes += chunk.length
  })
  await expect(once(response, 'end')).rejects.toThrow('aborted')
  expect(bytes).toBeLessThanOrEqual(size / 2)
  expect(told).toContainEqual(
    expect.objectContaining({
      type: 'error',
      operation: 'read',
      error: expect.objectContaining({ name: 'StoreError' }),
    }),
  )
  await vi.waitFor(() => expect(bodyFile()).toBe(''))
  expect((await buffer(await ask(port))).equals(bodyOf(2))).toBe(true)
  expect(asked()).toBe(2)
  await vi.waitFor(() => expect(heldOpen()).toEqual([]))
})

test('a range is answered though another part is damaged', async () => {
  const { port, asked } = await start()
  damage(1000)
  const response = await ask(port, { range: `bytes=${8 * MiB}-${8 * MiB + 99}` })
  expect(response.statusCode).toBe(206)
  expect((await buffer(response)).equals(bodyOf(1).subarray(8 * MiB, 8 * MiB + 100))).toBe(true)
  expect(asked()).toBe(1)
})

test('what a client that leaves held open is closed', async () => {
  const { port } = await start()
  const responses = await Promise.all(Array.from({ length: 20 }, () => ask(port)))
  await Promise.all(responses.map((response) => once(response, 'readable')))
  expect(heldOpen()).toHaveLength(20)
  for (const response of responses) response.destroy()
  await vi.waitFor(() => expect(heldOpen()).toEqual([]))
})

test('HEAD, conditions and inspect hold nothing open', async () => {
  const { port, responses } = await start((response, calls) => {
    response.setHeader('ETag', '"a"')
    response.end(bodyOf(calls))
  })
  for (let i = 0; i < 5; i++) {
    expect((await ask(port, { 'if-none-match': '"a"' })).statusCode).toBe(304)
    await responses.inspect({ url: `http://127.0.0.1:${port}/` })
  }
  expect(heldOpen()).toEqual([])
})

test('it is held open while it is validated, whatever becomes of it meanwhile, and not for longer', async () => {
  const validated: ServerResponse[] = []
  const { port, store, pass } = await start((response, calls) => {
    response.setHeader('ETag', '"a"')
    response.setHeader('Cache-Control', 'max-age=60, must-revalidate')
    if (calls === 1) response.end(bodyOf(1))
    else validated.push(response)
  })
  const question = async (): Promise<ServerResponse> => {
    const before = validated.length
    await vi.waitFor(() => expect(validated).toHaveLength(before + 1))
    return validated[before] as ServerResponse
  }
  pass(61_000)
  const [leaver, left] = [get({ port, host: '127.0.0.1', agent: false }).on('error', () => {}), question()]
  await left
  expect(heldOpen()).toHaveLength(1)
  leaver.destroy()
  await vi.waitFor(() => expect(heldOpen()).toEqual([]))

  const [answer, asked] = [ask(port), question()]
  const response = await asked
  expect(heldOpen()).toHaveLength(1)
  await store.clear()
  response.writeHead(304).end()
  expect((await buffer(await answer)).equals(bodyOf(1))).toBe(true)
  await vi.waitFor(() => expect(heldOpen()).toEqual([]))
})

test('those who are given a stale one together cause one refresh', async () => {
  const refreshes: ServerResponse[] = []
  const { port, pass } = await start((response, calls) => {
    response.setHeader('Cache-Control', 'max-age=60, stale-while-revalidate=600')
    if (calls === 1) response.end(bodyOf(1))
    else refreshes.push(response)
  })
  pass(61_000)
  const answers = await Promise.all(Array.from({ length: 20 }, async () => buffer(await ask(port))))
  for (const answer of answers) expect(answer.equals(bodyOf(1))).toBe(true)
  expect(refreshes).toHaveLength(1)
  refreshes[0]?.end()
})

test('50 clients that read 64 MiB, most of them slowly, take a few pieces each', { timeout: 60_000 }, async () => {
  const told = startServer(64 * MiB)
  const { port = 0 } = await told()
  await sink(await ask(port))
  await vi.waitFor(() => expect(bodyFile()).not.toBe(''), 10_000)
  await vi.waitFor(async () => {
    const response = await ask(port)
    response.destroy()
    expect(response.headers['cache-status']).toContain('hit')
  }, 10_000)
  const { before = 0 } = await told('begin')

  const slow = await Promise.all(Array.from({ length: 42 }, () => ask(port)))
  let isOver = false
  const sipping = slow.map(async (response) => {
    while (!isOver) {
      response.read(16 * 1024)
      await sleep(10)
    }
    response.destroy()
  })
  await Promise.all(Array.from({ length: 8 }, async () => expect(await sink(await ask(port))).toBe(64 * MiB)))
  isOver = true
  await Promise.all(sipping)
  const { most = Infinity, asked } = await told('end')
  expect(asked).toBe(0)
  // Each has one piece that is sent, and one more where it is just read.
  expect((most - before) / MiB).toBeLessThan((50 * 2 * 256) / 1024)
})

test('what slow clients have not read of new answers is held once', async () => {
  const told = startServer(16 * MiB)
  const { port = 0 } = await told()
  const { before = 0 } = await told('begin')
  const slow = await Promise.all(Array.from({ length: 12 }, (_, n) => ask(port, {}, `/${n}`)))
  await sleep(500)
  const { most = Infinity, asked } = await told('end')
  for (const response of slow) response.destroy()
  expect(asked).toBe(12)
  // And one that is on its way to the store.
  expect((most - before) / MiB).toBeLessThan((12 + 2) * 16)
})

/** A server in a process of its own with bodies of so many bytes, and what to ask it with. */
function startServer(bytes: number): (message?: string) => Promise<Record<string, number>> {
  const script = join(import.meta.dirname, 'large-server.ts')
  const options = { execArgv: ['--conditions=breakwater-source', '--expose-gc'] }
  const child = fork(script, [folder, String(bytes)], options)
  closing.push(() => child.kill('SIGKILL'))
  return async (message) => {
    const answer = once(child, 'message')
    if (message !== undefined) child.send(message)
    return (await answer)[0] as Record<string, number>
  }
}

/** Reads and forgets; how much that was. */
async function sink(response: IncomingMessage): Promise<number> {
  let bytes = 0
  for await (const chunk of response) bytes += (chunk as Buffer).length
  return bytes
}
