import type { RequestHandler, Response } from 'express'
import { writeContent } from '../node/answer.ts'
import { receivedUrl } from '../node/embedded.ts'
import { prepareSequenceAnswer, type SequenceAnswer } from '../node/sequence-answer.ts'
import { SequenceEndpoint } from '../node/sequence-endpoint.ts'
import type { SequenceRouterOptions } from '../node/sequence-options.ts'
import type { SequenceUpgrades } from '../node/sequence-upgrade.ts'
import { type ExpressRequest, trustedOrigin } from './app.ts'

/**
 * A sequence over HTTP: `app.use('/fibonacci', sequenceRouter({ sequence: fibonacci }))`. It describes itself at its
 * root, gives terms at `/terms` and one at `/terms/{index}`, and lets other paths pass. Its `upgrade` serves
 * `/terms/stream` over WebSocket, with `websocket: { mount: '/fibonacci' }`.
 *
 * @throws TypeError or RangeError with the value quoted.
 */
export function sequenceRouter(options: SequenceRouterOptions): RequestHandler & SequenceUpgrades {
  const endpoint = new SequenceEndpoint(options)
  const handle: RequestHandler = (request, response, next) => {
    const own = request as unknown as ExpressRequest
    const answer = endpoint.answer({ request, response, target: receivedUrl(own), origin: trustedOrigin(own) })
    if (answer instanceof Promise) answer.then((known) => send(known, response)).catch(next)
    else if (answer.kind === 'pass') next()
    else send(answer, response)
  }
  const { upgrade, close } = endpoint.upgrades
  return Object.assign(handle, { upgrade, close })
}

function send(answer: SequenceAnswer, response: Response): void {
  if (answer.kind === 'gone' || answer.kind === 'pass') return
  const { status, body } = prepareSequenceAnswer(response, answer)
  response.statusCode = status
  if (body === undefined || typeof body === 'string' || Buffer.isBuffer(body)) response.end(body)
  else void writeContent(response, body)
}
