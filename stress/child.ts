/** One process of the fleet: a server behind `shield` on the store that all share. Told what to do by messages. */
import { subscribe } from 'node:diagnostics_channel'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { setTimeout as pause } from 'node:timers/promises'
import { ResponseCache } from '../src/core/cache/response-cache.ts'
import { memoryStore } from '../src/core/store/memory.ts'
import { tieredStore } from '../src/core/store/tiered.ts'
import { shield } from '../src/middleware/node/shield.ts'
import { openStore, type StoreName } from '../test/support/places.ts'
import { answerOf, groupOf, maxAgeOf } from './body.ts'
import type { Command, Memory, Question, Resources, Stats, Told } from './member.ts'
import { handlerTime, nearTtl, storeTimeoutOf } from './settings.ts'

const [name, address = '', firstVersion] = process.argv.slice(2)
const store = tieredStore(memoryStore(), await openStore(name as StoreName, address), { nearTtl })
const responses = new ResponseCache({ store, storeTimeout: storeTimeoutOf(name as StoreName) })
let version = Number(firstVersion)
/** What went wrong with the store, and how often. */
const troubles: Record<string, number> = {}
subscribe('breakwater:store', (event) => {
  const { operation = '', type } = event as { operation?: string; type: string }
  const what = `${operation} ${type}`.trim()
  troubles[what] = (troubles[what] ?? 0) + 1
})

const listener = shield(
  async (request, response) => {
    const path = request.url ?? '/'
    const { fields, body } = answerOf(path, version)
    await pause(handlerTime)
    response.writeHead(200, {
      ...fields,
      'Cache-Control': `max-age=${maxAgeOf(path)}`,
      'Cache-Groups': `"${groupOf(path)}"`,
      'Content-Length': body.length,
    })
    response.end(body)
  },
  { cache: { cache: responses } },
)
const server = createServer({ keepAliveTimeout: 60_000 }, (request, response) => void listener(request, response))

async function obey(command: Command): Promise<unknown> {
  switch (command.type) {
    case 'raise':
      version = command.version
      return
    case 'purge':
      return responses.purge(command.what)
    case 'memory':
      return memoryInUse()
    case 'stats':
      return { hits: responses.stats().hits, troubles } satisfies Stats
    case 'close':
      return close()
  }
}

/** After a collection. */
async function memoryInUse(): Promise<Memory> {
  for (let i = 0; i < 3; i++) {
    global.gc?.()
    await pause(50)
  }
  const { rss, heapUsed, external } = process.memoryUsage()
  return { resident: rss, used: heapUsed + external }
}

/** Closes server and store, and tells what still holds the process apart from the pipe to its parent. */
async function close(): Promise<Resources> {
  process.off('disconnect', exit)
  server.close()
  server.closeAllConnections()
  await store.close()
  const left = (): string[] => process.getActiveResourcesInfo().filter((resource) => resource !== 'PipeWrap')
  // Sockets that were told to close do so within a turn or two of the loop.
  for (let i = 0; i < 20 && left().length > 0; i++) await pause(50, undefined, { ref: false })
  return { left: left() }
}

function tell(told: Told): void {
  if (process.connected) process.send?.(told)
}

function exit(): void {
  process.exit()
}

process.on('disconnect', exit)
// The parent ends its children itself, in its own time.
process.on('SIGINT', () => {})
process.on('message', ({ id, command }: Question) => {
  obey(command).then(
    (result) => tell({ type: 'answer', id, result }),
    (error: unknown) => tell({ type: 'failed', id, message: String(error) }),
  )
})

await store.ready()
server.listen(0, '127.0.0.1', () => {
  const pushes = store.capabilities?.subscribe !== undefined
  tell({ type: 'ready', port: (server.address() as AddressInfo).port, pushes })
})
