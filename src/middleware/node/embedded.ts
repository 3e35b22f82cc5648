import type { IncomingMessage } from 'node:http'
import type { Listener } from './shadow.ts'
import type { MarkedRequest } from './symbols.ts'

/** The URL as received, also where an Express application around has cut its own part off. */
export function receivedUrl(request: IncomingMessage): string {
  return (request as MarkedRequest).originalUrl ?? request.url ?? '/'
}

/** A listener as the application around a request enters it: with that application's part of the URL cut off. */
export function embedded(listener: Listener, { baseUrl }: MarkedRequest): Listener {
  if (baseUrl === undefined || baseUrl === '') return listener
  return (request, response) => {
    const own = request as MarkedRequest
    const { url = '/' } = own
    const rest = url.slice(baseUrl.length)
    own.originalUrl = url
    own.baseUrl = baseUrl
    own.url = rest.startsWith('/') ? rest : `/${rest}`
    return listener(request, response)
  }
}
