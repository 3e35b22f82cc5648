import type { IncomingMessage } from 'node:http'
import type { TLSSocket } from 'node:tls'
import { firstLine, type RequestHead } from '../../core/http/message.ts'

/** What a framework has found out about a request, by its own rules on proxies. */
export interface Origin {
  readonly scheme: string
  readonly authority: string
}

/** Nothing that a proxy says goes into a link unless it has the form of an origin. */
export function originText(origin: Origin | undefined): string | undefined {
  if (origin === undefined || !/^https?$/.test(origin.scheme) || !/^[\w.:[\]-]+$/.test(origin.authority))
    return undefined
  return `${origin.scheme}://${origin.authority}`
}

/** Scheme and authority of a request as it came in, without regard to proxies. */
export function directOrigin(request: IncomingMessage): Origin {
  return { scheme: schemeOf(request), authority: hostOf(request) }
}

export function schemeOf(request: IncomingMessage): string {
  return (request.socket as TLSSocket | null)?.encrypted === true ? 'https' : 'http'
}

/** HTTP/2's `:authority`, which a Host field beside it cannot change (RFC 9113 section 8.3.1), or the Host field. */
export function hostOf({ headers }: IncomingMessage): string {
  return (firstLine(headers[':authority']) ?? headers.host ?? '').toLowerCase()
}

/** The head of a server request. `target` is the URL as received, before any router has cut it. */
export function requestHead(
  request: IncomingMessage,
  origin: Origin,
  target: string,
  realm: string | undefined,
  personal: RequestHead['personal'],
): RequestHead {
  const { headers } = request
  const length = headers['content-length']
  return {
    method: request.method ?? 'GET',
    scheme: origin.scheme,
    authority: origin.authority,
    target,
    fields: headers,
    hasBody: (length !== undefined && length !== '0') || headers['transfer-encoding'] !== undefined,
    realm,
    personal,
  }
}
