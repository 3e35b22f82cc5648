import { Agent, get, type IncomingMessage, request } from 'node:http'

export interface Received {
  readonly status: number
  readonly reason: string
  /** As they came: name, value, name, value … */
  readonly lines: readonly string[]
  readonly headers: IncomingMessage['headers']
  readonly body: string
  readonly whole: boolean
}

const agent = new Agent({ keepAlive: false })

/** A GET on a connection of its own; `whole` is false where the answer broke off. */
export function fetchFrom(url: string, headers: Record<string, string> = {}, method = 'GET'): Promise<Received> {
  return new Promise((resolve, reject) => {
    const sent = request(url, { agent, headers, method }, (response) => {
      const chunks: Buffer[] = []
      const settle = (): void =>
        resolve({
          status: response.statusCode ?? 0,
          reason: response.statusMessage ?? '',
          lines: response.rawHeaders,
          headers: response.headers,
          body: Buffer.concat(chunks).toString('latin1'),
          whole: response.complete,
        })
      response.on('data', (chunk) => chunks.push(chunk))
      response.on('error', () => {})
      response.on('close', settle)
    })
    sent.on('error', reject)
    sent.end()
  })
}

/** A GET whose answer is in the test's own hands. */
export function open(url: string, headers: Record<string, string> = {}): Promise<IncomingMessage> {
  return new Promise((resolve, reject) => {
    get(url, { agent, headers }, resolve).on('error', reject)
  })
}

/** Field lines without those of the given lower-case names, sorted. */
export function linesWithout(lines: readonly string[], names: readonly string[]): string[] {
  const kept: string[] = []
  for (let i = 0; i + 1 < lines.length; i += 2) {
    if (!names.includes((lines[i] as string).toLowerCase())) kept.push(`${lines[i]}: ${lines[i + 1]}`)
  }
  return kept.sort()
}

export function isHit({ headers }: Pick<Received, 'headers'>): boolean {
  return /^Breakwater; hit/.test(String(headers['cache-status']))
}
