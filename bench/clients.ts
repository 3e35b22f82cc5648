import { Child } from './child.ts'
import type { ClientName } from './client-child.ts'
import type { Effort, Figures } from './servers.ts'

const CLIENTS: readonly ClientName[] = ['undici', 'undici-cache', 'breakwater']
const REQUESTS = 20_000

/** CPU microseconds of a client process for each request that its cache answers; `undici` has none. */
export async function measureClients({ rounds }: Effort): Promise<Figures> {
  const origin = new Child('./server-child.ts', { subject: 'express', bytes: 2048, delay: 0 }, 'origin')
  const { port } = await origin.ready<{ port: number }>()
  const url = `http://127.0.0.1:${port}/item/1`
  const clients = CLIENTS.map((client) => ({ client, child: new Child('./client-child.ts', { client, url }, client) }))
  const figures = new Map<string, number[]>(CLIENTS.map((client) => [client, []]))
  try {
    for (const { child } of clients) await child.ready()
    for (const { child } of clients) await child.ask({ requests: REQUESTS })
    for (let round = 0; round < rounds; round++) {
      for (const { client, child } of round % 2 === 0 ? clients : [...clients].reverse()) {
        figures.get(client)?.push((await child.ask<{ cpu: number }>({ requests: REQUESTS })).cpu)
      }
    }
    return figures
  } finally {
    await Promise.all([origin, ...clients.map(({ child }) => child)].map((child) => child.stop()))
  }
}
