import { get, type IncomingMessage } from 'node:http'

export interface Answer {
  readonly status: number
  /** Field lines without those of the connection. */
  readonly lines: readonly string[]
  readonly body: string
}

export interface BinaryAnswer extends Omit<Answer, 'body'> {
  readonly body: Buffer
}

/** One GET on a connection of its own. */
export async function httpGet(
  port: number,
  path: string,
  fields: Readonly<Record<string, string>> = {},
): Promise<Answer> {
  const { body, ...answer } = await httpGetBytes(port, path, fields)
  return { ...answer, body: body.toString() }
}

/** The same, for content that is not text. */
export async function httpGetBytes(
  port: number,
  path: string,
  fields: Readonly<Record<string, string>> = {},
): Promise<BinaryAnswer> {
  const response = await new Promise<IncomingMessage>((resolve, reject) => {
    get({ host: '127.0.0.1', port, path, headers: { ...fields }, agent: false }, resolve).on('error', reject)
  })
  const chunks: Buffer[] = []
  for await (const chunk of response) chunks.push(chunk as Buffer)
  const lines: string[] = []
  for (let i = 0; i < response.rawHeaders.length; i += 2) {
    const name = response.rawHeaders[i] as string
    if (/^(connection|keep-alive)$/i.test(name)) continue
    lines.push(name, response.rawHeaders[i + 1] as string)
  }
  return { status: response.statusCode ?? 0, lines, body: Buffer.concat(chunks) }
}

/** A field of an answer; undefined if it has none of that name. */
export function fieldOf({ lines }: Pick<Answer, 'lines'>, name: string): string | undefined {
  const at = lines.findIndex((line, i) => i % 2 === 0 && line.toLowerCase() === name)
  return at === -1 ? undefined : lines[at + 1]
}
