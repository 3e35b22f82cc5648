/** A server of streams behind compression, in a process of its own, that tells how much it holds. */
import { randomBytes } from 'node:crypto'
import { createServer, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'
import zlib from 'node:zlib'
import { shield } from 'breakwater/node'

/** Compressors that were made and are not closed. */
let compressors = 0
for (const name of ['createZstdCompress', 'createBrotliCompress', 'createGzip', 'createDeflate'] as const) {
  const create = zlib[name] as (options: object) => zlib.Gzip
  const value = (options: object): zlib.Gzip => {
    compressors++
    return create(options).once('close', () => compressors--)
  }
  Object.defineProperty(zlib, name, { value })
}

/** Bytes that the handler has written, over all answers. */
let written = 0
/** Answers under way, with the bytes that were written to each. */
const running = new Map<ServerResponse, number>()
/** All answers that are still in memory. */
const responses = new Set<WeakRef<ServerResponse>>()

/** Writes items that are new each time and cannot be made smaller, for as long as somebody takes them. */
async function stream(response: ServerResponse, bytes: number): Promise<void> {
  running.set(response, 0)
  responses.add(new WeakRef(response))
  response.writeHead(200, { 'Content-Type': 'application/x-ndjson' })
  while (!response.destroyed) {
    const item = randomBytes(bytes)
    item[bytes - 1] = 10
    written += bytes
    running.set(response, (running.get(response) as number) + bytes)
    if (!response.write(item)) await drained(response)
  }
  running.delete(response)
}

function drained(response: ServerResponse): Promise<void> {
  return new Promise((resolve) => {
    const done = (): void => {
      response.off('drain', done).off('close', done)
      resolve()
    }
    response.on('drain', done).on('close', done)
  })
}

/** Bytes that were written to an answer and that the kernel does not have yet. */
function ahead([response, bytes]: [ServerResponse, number]): number {
  const { bytesWritten = 0, writableLength = 0 } = response.socket ?? {}
  return bytes - (bytesWritten - writableLength)
}

function inMemory(): number {
  for (const response of responses) if (response.deref() === undefined) responses.delete(response)
  return responses.size
}

const sizes: Record<string, number> = { '/items': 16 * 1024, '/large-items': 1024 * 1024 }

const server = createServer(
  shield(
    (request, response) => {
      const size = sizes[request.url ?? '']
      if (size !== undefined) return stream(response, size)
      response.writeHead(200, { 'Content-Type': 'text/plain' }).end('other '.repeat(20_000))
    },
    { compression: { concurrency: 2 } },
  ),
)
server.listen(0, '127.0.0.1', () => process.send?.({ port: (server.address() as AddressInfo).port }))

let most = 0
setInterval(() => {
  most = Math.max(most, process.memoryUsage.rss())
}, 5).unref()

process.on('message', async (message) => {
  for (let i = 0; i < 3 && message === 'collect'; i++) {
    globalThis.gc?.()
    // What a collection has found is let go of behind it.
    await new Promise((resolve) => setImmediate(resolve))
  }
  const { rss, heapUsed, external } = process.memoryUsage()
  process.send?.({
    most,
    rss,
    used: heapUsed + external,
    written,
    running: running.size,
    ahead: [...running].map(ahead),
    compressors,
    responses: inMemory(),
    listeners: [...running.keys()].map((response) =>
      Math.max(0, ...response.eventNames().map((name) => response.listenerCount(name))),
    ),
    handles: process.getActiveResourcesInfo(),
  })
  most = rss
})
