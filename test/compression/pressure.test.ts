/** Whoever writes faster than his client reads is told to wait, and told to go on when there is room, whichever way he listens. */
import { randomBytes } from 'node:crypto'
import { once } from 'node:events'
import type { IncomingMessage, ServerResponse } from 'node:http'
import { Readable } from 'node:stream'
import { setTimeout as sleep } from 'node:timers/promises'
import { describe, expect, test } from 'vitest'
import { type RawHandler, start } from './subject.ts'
import { shieldSubject } from './subjects/shield.ts'
import { codings, open } from './wire.ts'

const MB = 1024 * 1024
const plain = { 'Content-Type': 'text/plain' }
/** Nothing makes it smaller. */
const block = randomBytes(4 * MB)

const serve = (raw: RawHandler) => start(shieldSubject, { raw })

/** Reads nothing until the server's socket is full, and then so slowly that it often is. */
async function readLate(response: IncomingMessage, isFull: () => boolean): Promise<number> {
  while (!isFull()) await sleep(5)
  let bytes = 0
  for await (const chunk of response) {
    bytes += chunk.length
    await sleep(1)
  }
  return bytes
}

describe.each(codings)('in %s', (coding) => {
  test("'drain' comes when all that was written has been encoded, not each time the socket is empty", async () => {
    let sending: ServerResponse | undefined
    let emptied = 0
    const waiting: number[] = []
    const server = await serve(async (_request, response) => {
      sending = response
      response.socket?.on('drain', () => emptied++)
      response.writeHead(200, plain)
      let pending = 0
      const writeBlock = (): boolean => {
        pending++
        return response.write(block, () => pending--)
      }
      response.on('drain', () => waiting.push(pending))
      for (let i = 0; i < 3; i++) {
        expect(writeBlock()).toBe(false)
        await once(response, 'drain')
        waiting.push(pending)
      }
      // Who does not wait is told once, of all of it.
      writeBlock()
      writeBlock()
      await once(response, 'drain')
      response.end()
    })
    const read = await readLate(await open(server.port, coding), () => sending?.writableNeedDrain === true)
    expect(read).toBeGreaterThan(5 * block.length)
    expect(emptied).toBeGreaterThan(0)
    expect(waiting.every((pending) => pending === 0)).toBe(true)
  })
})

test('a pipe writes nothing before all that it wrote has been encoded', async () => {
  let sending: ServerResponse | undefined
  const waiting: number[] = []
  const server = await serve((_request, response) => {
    sending = response
    response.writeHead(200, plain)
    const { write } = response
    let pending = 0
    response.write = ((chunk: Buffer) => {
      waiting.push(pending++)
      return Reflect.apply(write, response, [chunk, () => pending--])
    }) as typeof write
    Readable.from([block, block, block, block, block]).pipe(response)
  })
  const isFull = (): boolean => sending?.writableNeedDrain === true
  expect(await readLate(await open(server.port, 'gzip'), isFull)).toBeGreaterThan(5 * block.length)
  expect(waiting).toEqual([0, 0, 0, 0, 0])
})

/** Writes until the socket takes no more, and stops before `write` would say so. */
async function fill(response: ServerResponse): Promise<boolean> {
  for (let at = 0; !response.writableNeedDrain; at = (at + 15_000) % (block.length - 15_000)) {
    let isEncoded = false
    const mayGoOn = response.write(block.subarray(at, at + 15_000), () => {
      isEncoded = true
    })
    if (!mayGoOn) return false
    while (!isEncoded && !response.writableNeedDrain) await sleep(1)
    // What is flushed behind it is written meanwhile.
    await sleep((response.socket?.writableLength ?? 0) > 0 ? 50 : 1)
  }
  return true
}

test('a pipe that begins while the socket is full goes on when it is not', async () => {
  const begun = Promise.withResolvers<boolean>()
  const server = await serve(async (_request, response) => {
    response.writeHead(200, plain)
    const isUntold = await fill(response)
    // It waits for 'drain' before it has written anything.
    Readable.from([block, 'the end']).pipe(response)
    begun.resolve(isUntold)
  })
  const response = await open(server.port, 'gzip')
  response.pause()
  expect(await begun.promise).toBe(true)
  await sleep(20)
  expect(Buffer.concat(await response.toArray()).length).toBeGreaterThan(block.length)
  expect(response.complete).toBe(true)
})
