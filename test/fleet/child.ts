/** One process of a fleet: a server behind `shield`, on a store that others share. Told what to do by messages. */
import { subscribe } from 'node:diagnostics_channel'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { setTimeout as pause } from 'node:timers/promises'
import { ResponseCache } from '../../src/core/cache/response-cache.ts'
import { memoryStore } from '../../src/core/store/memory.ts'
import { tieredStore } from '../../src/core/store/tiered.ts'
import { shield } from '../../src/middleware/node/shield.ts'
import { openStore, type StoreName } from '../support/places.ts'
import type { Command, Report } from './fleet.ts'

const [name, address = '', nearTtl = '0', storeTimeout = '100'] = process.argv.slice(2)
const far = await openStore(name as StoreName, address)
const store = Number(nearTtl) > 0 ? tieredStore(memoryStore(), far, { nearTtl: Number(nearTtl) }) : far
const responses = new ResponseCache({ store, storeTimeout: Number(storeTimeout) })
const runs: string[] = []
/** What was told of the store: its state where that changed, and else what went wrong. */
const told: string[] = []
subscribe('breakwater:store', (event) => told.push((event as { type: string }).type))

const listener = shield(
  async (request, response) => {
    const path = request.url ?? '/'
    runs.push(path)
    tell({ type: 'run', path })
    await pause(Number(new URL(path, 'http://a').searchParams.get('delay') ?? 0))
    response.setHeader(
      'Cache-Control',
      path.includes('/private') ? 'no-store' : 'max-age=60, stale-while-revalidate=60',
    )
    response.setHeader('Cache-Groups', '"all of them"')
    response.end(`${path} by ${process.pid}, run ${runs.length}`)
  },
  { cache: { cache: responses } },
)

function tell(report: Report): void {
  process.send?.(report)
}

process.on('message', async (command: Command) => {
  switch (command.type) {
    case 'purge':
      await responses.purge(command.what)
      return tell({ type: 'done' })
    case 'stats':
      return tell({
        type: 'stats',
        runs: runs.length,
        hits: responses.stats().hits,
        told: [...new Set(told)],
        health: far.health().state,
      })
  }
})
process.on('disconnect', () => process.exit())

const server = createServer((request, response) => void listener(request, response))
// Where the store cannot be reached now, requests are answered all the same.
await far.ready().catch(() => {})
server.listen(0, '127.0.0.1', () => tell({ type: 'ready', port: (server.address() as AddressInfo).port }))
