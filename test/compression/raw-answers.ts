/** Reads what came over a connection as RFC 9112 section 6 says, and takes the codings off. */
import { decoded } from './wire.ts'

export interface RawAnswer {
  readonly status: number
  readonly reason: string
  /** Lower-case names; of several lines, the last. */
  readonly fields: ReadonlyMap<string, string>
  readonly text: string
  readonly trailers: string
}

interface Content {
  readonly content: string
  readonly trailers: string
  /** What comes behind it. */
  readonly left: string
}

/** The answers in these bytes, in order. */
export function answersIn(bytes: string, isHead = false): RawAnswer[] {
  const answers: RawAnswer[] = []
  let rest = bytes
  while (rest !== '') {
    const end = rest.indexOf('\r\n\r\n')
    if (end < 0) throw new Error(`This is no answer: ${JSON.stringify(rest.slice(0, 200))}`)
    const [first = '', ...lines] = rest.slice(0, end).split('\r\n')
    const [, status = '', reason = ''] = /^HTTP\/1\.1 (\d{3}) (.*)$/.exec(first) ?? []
    const fields = new Map(lines.map(fieldOf))
    const { content, trailers, left } = contentOf(Number(status), fields, rest.slice(end + 4), isHead)
    const text = decoded(Buffer.from(content, 'latin1'), fields.get('content-encoding')).toString()
    answers.push({ status: Number(status), reason, fields, text, trailers })
    rest = left
  }
  return answers
}

function fieldOf(line: string): [name: string, value: string] {
  const colon = line.indexOf(':')
  return [line.slice(0, colon).toLowerCase(), line.slice(colon + 1).trim()]
}

function contentOf(status: number, fields: ReadonlyMap<string, string>, bytes: string, isHead: boolean): Content {
  if (isHead || status < 200 || status === 204 || status === 304) return { content: '', trailers: '', left: bytes }
  if (fields.get('transfer-encoding') === 'chunked') return chunksOf(bytes)
  const length = Number(fields.get('content-length') ?? bytes.length)
  return { content: bytes.slice(0, length), trailers: '', left: bytes.slice(length) }
}

function chunksOf(bytes: string): Content {
  let content = ''
  let rest = bytes
  while (rest !== '') {
    const line = rest.indexOf('\r\n')
    const size = Number.parseInt(rest.slice(0, line), 16)
    rest = rest.slice(line + 2)
    if (size === 0) return { content, ...trailersOf(rest) }
    content += rest.slice(0, size)
    rest = rest.slice(size + 2)
  }
  throw new Error('Its chunks break off')
}

function trailersOf(bytes: string): Omit<Content, 'content'> {
  if (bytes.startsWith('\r\n')) return { trailers: '', left: bytes.slice(2) }
  const end = bytes.indexOf('\r\n\r\n')
  return { trailers: bytes.slice(0, end), left: bytes.slice(end + 4) }
}
