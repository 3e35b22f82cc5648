import { shield } from 'breakwater/node'
import type { Bridge } from '../subject.ts'
import { ask, type Listener, listen, send } from '../wire.ts'

export const shieldBridge: Bridge = {
  name: 'shield',
  side: 'server',
  seesErrors: true,
  isFramework: false,
  async start({ handler, cache, inner }) {
    const plain: Listener = async ({ method = '', url = '', headers }, response) =>
      send(response, await handler({ method, url, headers }))
    const shielded = shield(inner === undefined ? plain : shield(plain, { cache: inner }), { cache })
    const { port, close } = await listen(async (request, response) => {
      try {
        await shielded(request, response)
      } catch {
        response.statusCode = 500
        response.end()
      }
    })
    return { port, request: (path, asking) => ask(port, path, asking), close }
  },
}
