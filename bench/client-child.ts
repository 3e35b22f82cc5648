/** One undici dispatcher as a client of its own process; tells its CPU time for each request of a run. */
import { Agent, cacheStores, type Dispatcher, interceptors, request } from 'undici'
import { settings } from './settings.ts'

export type ClientName = 'undici' | 'undici-cache' | 'breakwater'

interface ClientSettings {
  readonly client: ClientName
  /** What is asked for, again and again. */
  readonly url: string
}

/** Requests under way at the same time. */
const CONCURRENCY = 50

const { client, url } = await settings<ClientSettings>()
const dispatcher = await dispatcherOf(client)

async function dispatcherOf(name: ClientName): Promise<Dispatcher> {
  const agent = new Agent({ connections: CONCURRENCY })
  switch (name) {
    case 'undici':
      return agent
    case 'undici-cache':
      return agent.compose(interceptors.cache({ store: new cacheStores.MemoryCacheStore() }))
    case 'breakwater': {
      const { cache } = await import('../dist/adapters/undici/index.js')
      return agent.compose(cache() as Dispatcher.DispatcherComposeInterceptor)
    }
  }
}

async function ask(times: number): Promise<void> {
  for (let i = 0; i < times; i++) {
    const { statusCode, body } = await request(url, { dispatcher })
    const text = await body.text()
    if (statusCode !== 200 || text.length < 2000) throw new Error(`${client}: ${statusCode}, ${text.length} bytes`)
  }
}

process.on('message', async ({ requests }: { requests: number }) => {
  const before = process.cpuUsage()
  await Promise.all(Array.from({ length: CONCURRENCY }, () => ask(requests / CONCURRENCY)))
  const { user, system } = process.cpuUsage(before)
  process.send?.({ cpu: (user + system) / requests })
})
process.on('disconnect', () => process.exit())

// One answer is stored before anybody measures.
await ask(1)
process.send?.({})
