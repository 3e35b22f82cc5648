import { hash } from 'node:crypto'
import type { IncomingMessage, ServerResponse } from 'node:http'

export interface Content {
  readonly status?: number
  readonly type: string
  readonly body: string
  /** For the gateway's cache. Browsers are told to ask each time, so that a purge there reaches everybody. */
  readonly cache?: string
  /** Names to purge it by. */
  readonly groups?: readonly string[]
}

/** Sends content with an entity tag, or 304 to somebody who has it. */
export function send(request: IncomingMessage, response: ServerResponse, content: Content): void {
  const { status = 200, type, body, cache = 'no-store', groups = [] } = content
  const tag = `"${hash('sha256', body, 'base64url').slice(0, 16)}"`
  response.setHeader('Cache-Control', 'no-cache')
  response.setHeader('CDN-Cache-Control', cache)
  response.setHeader('ETag', tag)
  if (groups.length > 0) response.setHeader('Cache-Groups', groups.map((group) => `"${group}"`).join(', '))
  if (status === 200 && request.headers['if-none-match'] === tag) {
    response.writeHead(304).end()
    return
  }
  response.writeHead(status, { 'Content-Type': type, 'Content-Length': Buffer.byteLength(body) })
  response.end(request.method === 'HEAD' ? undefined : body)
}

export function sendJson(
  request: IncomingMessage,
  response: ServerResponse,
  value: unknown,
  rest: Omit<Content, 'type' | 'body'>,
): void {
  send(request, response, { ...rest, type: 'application/json', body: `${JSON.stringify(value, null, 2)}\n` })
}
