/** A server in a process of its own that answers a large body from a diskStore, and tells how much memory it takes. */
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { setTimeout as sleep } from 'node:timers/promises'
import { diskStore } from '../../src/adapters/stores/disk.ts'
import { ResponseCache } from '../../src/core/cache/response-cache.ts'
import { shield } from '../../src/middleware/node/shield.ts'

const [folder = '', bytes = ''] = process.argv.slice(2)
const store = diskStore({ folder })
const responses = new ResponseCache({ store, storeTimeout: 10_000 })

/** Bytes in use: what could be collected is no matter, since it does not grow with the number of clients. */
const used = (): number => {
  globalThis.gc?.()
  globalThis.gc?.()
  const { external, heapUsed } = process.memoryUsage()
  return external + heapUsed
}

let asked = 0
const listener = shield(
  (_request, response) => {
    asked++
    response.setHeader('Content-Length', bytes)
    response.end(Buffer.alloc(Number(bytes), 'large '))
  },
  { cache: { cache: responses, ttl: 600_000 } },
)
const server = createServer(listener)
server.listen(0, '127.0.0.1', () => process.send?.({ port: (server.address() as AddressInfo).port }))

let most = 0
let isOver = false
const watch = async (): Promise<void> => {
  while (!isOver) {
    most = Math.max(most, used())
    await sleep(100)
  }
}

process.on('message', async (message) => {
  if (message === 'begin') {
    // What was stored is let go of first.
    for (let i = 0; i < 5; i++) {
      globalThis.gc?.()
      await sleep(100)
    }
    asked = 0
    most = used()
    void watch()
    process.send?.({ before: most })
  } else if (message === 'end') {
    isOver = true
    process.send?.({ most, asked })
  } else process.exit()
})
