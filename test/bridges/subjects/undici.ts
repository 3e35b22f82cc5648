import { cache } from 'breakwater/undici'
import type { Dispatcher } from 'undici'
import type { Undici } from '../../undici/support.ts'
import type { Bridge } from '../subject.ts'
import { joined, listen, send } from '../wire.ts'

/** A client with a cache, in front of a plain origin. */
export function undiciBridge(name: string, { Agent }: Undici): Bridge {
  return {
    name,
    side: 'client',
    seesErrors: true,
    isFramework: false,
    async start({ handler, cache: options, clock }) {
      const origin = await listen(async ({ method = '', url = '', headers }, response) => {
        try {
          const answer = await handler({ method, url, headers })
          // The origin lives by the same clock.
          send(response, { ...answer, headers: { Date: clock.date(), ...answer.headers } })
        } catch {
          response.destroy()
        }
      })
      const agent = new Agent().compose(cache(options))
      return {
        async request(path, { method = 'GET', headers = {}, body } = {}) {
          const asking = {
            origin: origin.origin,
            path,
            method: method as Dispatcher.HttpMethod,
            headers,
            body: body ?? null,
          }
          const got = await agent.request(asking)
          return { status: got.statusCode, headers: joined(got.headers), body: await got.body.text() }
        },
        async close() {
          await agent.destroy()
          await origin.close()
        },
      }
    },
  }
}
