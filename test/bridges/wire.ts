/** A plain client and plain servers, all on 127.0.0.1 and a port of their own. */
import {
  Agent,
  createServer,
  type IncomingMessage,
  type OutgoingHttpHeaders,
  request,
  type Server,
  type ServerResponse,
} from 'node:http'
import { type AddressInfo, connect } from 'node:net'
import type { Answer, Asking, Got } from './subject.ts'

export type Listener = (request: IncomingMessage, response: ServerResponse) => unknown

export interface Listening {
  readonly port: number
  readonly origin: string
  close(): Promise<void>
}

export async function listen(listener: Listener): Promise<Listening> {
  const server: Server = createServer((request, response) => void listener(request, response))
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  const { port } = server.address() as AddressInfo
  const close = (): Promise<void> =>
    new Promise((resolve) => {
      server.close(() => resolve())
      server.closeAllConnections()
    })
  return { port, origin: `http://127.0.0.1:${port}`, close }
}

/** Asks as a client without a cache of its own does. Host is `example.test` unless said otherwise. */
export function ask(port: number, path: string, { method = 'GET', headers = {}, body }: Asking = {}): Promise<Got> {
  return new Promise((resolve, reject) => {
    const asking = request(
      { host: '127.0.0.1', port, path, method, headers: { host: 'example.test', ...headers }, agent: new Agent() },
      (response) => {
        const chunks: Buffer[] = []
        response.on('data', (chunk: Buffer) => chunks.push(chunk))
        response.once('error', reject)
        response.once('end', () => {
          const got = { status: response.statusCode ?? 0, headers: joined(response.headersDistinct) }
          resolve({ ...got, body: Buffer.concat(chunks).toString() })
        })
      },
    )
    asking.once('error', reject)
    asking.end(body)
  })
}

export function joined(
  fields: Readonly<Record<string, string | readonly string[] | undefined>>,
): Record<string, string> {
  const lines = Object.entries(fields).filter((entry): entry is [string, string | string[]] => entry[1] !== undefined)
  return Object.fromEntries(lines.map(([name, value]) => [name.toLowerCase(), [value].flat().join(', ')]))
}

/** Sends a handler's answer on a plain response. */
export function send(response: ServerResponse, { status = 200, headers = {}, body, stream }: Answer): void {
  response.statusCode = status
  response.setHeader('Content-Type', 'text/plain')
  for (const [name, value] of Object.entries(headers))
    response.setHeader(name, value as OutgoingHttpHeaders[string] & {})
  if (stream !== undefined) {
    const source = stream()
    source.once('error', () => response.destroy())
    source.pipe(response)
  } else response.end(status === 204 || status === 304 ? undefined : body)
}

/** Sends bytes as they are and returns all that comes back until the server closes. */
export function askRaw(port: number, text: string): Promise<string> {
  return new Promise((resolve, reject) => {
    const socket = connect(port, '127.0.0.1', () => socket.write(text))
    let got = ''
    socket.setEncoding('latin1')
    socket.on('data', (chunk: string) => {
      got += chunk
    })
    socket.once('error', reject)
    socket.once('close', () => resolve(got))
  })
}
