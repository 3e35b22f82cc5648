import type { ServerResponse } from 'node:http'
import { isGone } from './answer.ts'
import { whenOver } from './client-left.ts'

/** Aborted when the client leaves before it has its answer. */
export function clientSignal(response: ServerResponse): AbortSignal {
  const controller = new AbortController()
  const leave = (): void => {
    // What was closed in HTTP/2 says that it is finished, ended or not.
    if (!response.writableEnded || !response.writableFinished) controller.abort(new Error('The client has left'))
  }
  if (isGone(response)) leave()
  else whenOver(response, leave)
  return controller.signal
}
