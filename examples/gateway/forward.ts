import { pipeline } from 'node:stream/promises'
import type { Request, Response } from 'express'
import { connectionFields } from './connection-fields.ts'
import type { Upstream } from './upstream.ts'

/**
 * Request fields that the origin is told. They are read one by one, so that the cache sees which of them may shape an
 * answer; a copy of all fields would hide that.
 */
const handedOn = [
  'accept',
  'accept-language',
  'authorization',
  'content-length',
  'content-type',
  'cookie',
  'if-modified-since',
  'if-none-match',
  'if-range',
  'range',
]

/** Sends a request on to the origin and its answer back. Rejects if there is none. */
export async function forward(upstream: Upstream, request: Request, response: Response): Promise<void> {
  const gone = new AbortController()
  response.once('close', () => gone.abort())
  const headers = requestFields(request)
  const isPersonal = headers.cookie !== undefined || headers.authorization !== undefined
  const answer = await (isPersonal ? upstream.personal : upstream.dispatcher).request({
    origin: upstream.origin,
    path: request.originalUrl,
    method: request.method as 'GET',
    headers,
    body: hasContent(request) ? request : null,
    signal: gone.signal,
  })
  response.status(answer.statusCode)
  const dropped = connectionFields(answer.headers.connection)
  for (const [name, value] of Object.entries(answer.headers)) {
    if (value !== undefined && !dropped.has(name)) response.setHeader(name, value)
  }
  const { location } = answer.headers
  // A redirection within the origin stays within the gateway.
  if (typeof location === 'string' && location.startsWith(`${upstream.origin}/`)) {
    response.setHeader('Location', location.slice(upstream.origin.length))
  }
  await pipeline(answer.body, response)
}

function requestFields(request: Request): Record<string, string> {
  const fields: Record<string, string> = {}
  for (const name of handedOn) {
    const value = request.headers[name]
    if (typeof value === 'string') fields[name] = value
  }
  return fields
}

function hasContent({ headers }: Request): boolean {
  return headers['transfer-encoding'] !== undefined || Number(headers['content-length'] ?? 0) > 0
}
