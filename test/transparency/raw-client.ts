import { connect } from 'node:net'

/** Sends bytes and returns all that comes back until the server closes, or `patience` ms have passed. */
export function sendRaw(port: number, request: string, patience = 4_000): Promise<string> {
  return new Promise((resolve) => {
    const chunks: Buffer[] = []
    const socket = connect({ port, host: '127.0.0.1', noDelay: true })
    const timer = setTimeout(() => {
      chunks.push(Buffer.from('[no end]'))
      socket.destroy()
    }, patience)
    socket.on('data', (chunk) => chunks.push(chunk))
    socket.on('error', () => {})
    socket.on('close', () => {
      clearTimeout(timer)
      resolve(Buffer.concat(chunks).toString('latin1'))
    })
    socket.write(request, 'latin1')
  })
}

export interface RawRequest {
  readonly method?: string
  readonly path: string
  readonly version?: '1.0' | '1.1'
  readonly lines?: readonly string[]
}

export function requestText({ method = 'GET', path, version = '1.1', lines = [] }: RawRequest): string {
  return `${method} ${path} HTTP/${version}\r\n${['Host: origin.test', ...lines].join('\r\n')}\r\n\r\n`
}

/** What differs from request to request whatever the server does, taken out. */
export function normalised(bytes: string): string {
  return bytes
    .replace(/^(date: ).*$/gim, '$1now')
    .replace(/^cache-status: .*\r?\n/gim, '')
    .replace(/request-\d+/g, 'request-n')
}
