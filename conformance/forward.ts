import { type ClientRequest, type IncomingMessage, type ServerResponse, request as send } from 'node:http'
import { pipeline } from 'node:stream'

/** Sends a request on to the suite's origin and hands back the response head and the content to be read. */
export function forward(
  originPort: number,
  request: IncomingMessage,
  response: ServerResponse,
): Promise<IncomingMessage> {
  return new Promise((resolve, reject) => {
    const upstream: ClientRequest = send({
      host: '127.0.0.1',
      port: originPort,
      // The origin closes idle connections just when the next request of a test may come.
      agent: false,
      method: request.method,
      path: request.url,
      // Not rawHeaders: the cache puts its validators into `headers`.
      headers: forwardedFields({ ...request.headers }),
    })
    upstream.on('information', ({ statusCode, headers }) => relayInterim(response, statusCode, headers))
    upstream.on('response', resolve)
    upstream.on('error', reject)
    response.on('close', () => upstream.destroy())
    request.pipe(upstream)
  })
}

/** Hands on a 102 or 103. */
export function relayInterim(response: ServerResponse, status: number, fields: object): void {
  if (status === 102) response.writeProcessing()
  else if (status === 103) response.writeEarlyHints({ ...fields } as Record<string, string>)
}

/** Answers with what the origin answers: its own reason, and all lines of a field. */
export function proxy(originPort: number, request: IncomingMessage, response: ServerResponse): void {
  forward(originPort, request, response)
    .then((answer) => {
      response.writeHead(answer.statusCode ?? 502, answer.statusMessage ?? '', relayedLines(answer.rawHeaders))
      // A message that breaks off, or that is not what its Content-Length says, breaks off here too.
      pipeline(answer, response, () => {})
    })
    .catch(() => answerLost(response))
}

/** The origin gave no answer. */
export function answerLost(response: ServerResponse): void {
  if (response.headersSent) response.destroy()
  else response.writeHead(502).end()
}

/** Fields of the client's connection, which are not the origin's. */
export function forwardedFields(fields: IncomingMessage['headers']): IncomingMessage['headers'] {
  for (const name of ['connection', 'keep-alive', 'transfer-encoding', 'upgrade']) delete fields[name]
  return fields
}

/**
 * The origin's lines but those of its own connection. `Connection` is kept where it names other fields: not to store
 * those is the cache's task, not this handler's.
 */
export function relayedLines(raw: readonly string[]): string[] {
  const lines: string[] = []
  for (let i = 0; i + 1 < raw.length; i += 2) {
    const [name, value] = [raw[i] as string, raw[i + 1] as string]
    const lower = name.toLowerCase()
    if (lower === 'keep-alive' || lower === 'transfer-encoding') continue
    if (lower === 'connection' && /^(close|keep-alive)$/i.test(value)) continue
    lines.push(name, value)
  }
  return lines
}
