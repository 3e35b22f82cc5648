import type { ServerResponse } from 'node:http'
import { shield } from 'breakwater/node'
import { type Listener, listen, send } from '../../bridges/wire.ts'
import type { Setting, Subject } from '../subject.ts'

export const shieldSubject: Subject = {
  name: 'shield',
  framework: undefined,
  async start(setting) {
    const shielded = shieldOf(setting)
    return listen(async (request, response) => {
      try {
        await shielded(request, response)
      } catch {
        fail(response)
      }
    })
  },
}

/** The shield around a handler. */
export function shieldOf({ compression = {}, filter, cache, handler, raw }: Setting): Listener {
  const plain: Listener = async (request, response) => {
    if (raw !== undefined) return raw(request, response)
    const { compress, ...answer } = await (handler as NonNullable<typeof handler>)(request)
    if (compress !== undefined) Object.assign(response, { compress })
    send(response, answer)
  }
  const compressing =
    compression === false ? {} : { compression: filter === undefined ? compression : { ...compression, filter } }
  return shield(plain, { ...compressing, ...(cache && { cache }) })
}

/** As a server's last resort: a head only where there is none yet. */
function fail(response: ServerResponse): void {
  if (response.headersSent) response.destroy()
  else response.writeHead(500).end()
}
