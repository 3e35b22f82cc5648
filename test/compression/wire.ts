/** A client that keeps what it was sent as bytes, and takes codings off only where a test says so. */
import { Agent, type IncomingHttpHeaders, type IncomingMessage, request } from 'node:http'
import type { Duplex, Readable } from 'node:stream'
import zlib from 'node:zlib'
import type { Coding } from 'breakwater'

/** What came over the wire. */
export interface Got {
  readonly status: number
  readonly headers: IncomingHttpHeaders
  /** Names and values as they came, in turn. */
  readonly lines: readonly string[]
  /** The content as it was sent. */
  readonly bytes: Buffer
  /** The content without its coding. */
  readonly text: string
  readonly trailers: NodeJS.Dict<string>
  /** False: it broke off. */
  readonly whole: boolean
}

export interface Asking {
  readonly path?: string
  readonly method?: string
  readonly headers?: Record<string, string>
}

const agent = new Agent({ keepAlive: false })

/** An answer whose content is in the test's own hands, coded as it is. */
export function open(
  port: number,
  acceptEncoding: string | undefined,
  { path = '/', method = 'GET', headers = {} }: Asking = {},
): Promise<IncomingMessage> {
  const accepting = acceptEncoding === undefined ? {} : { 'Accept-Encoding': acceptEncoding }
  return new Promise((resolve, reject) => {
    const options = { host: '127.0.0.1', port, path, method, headers: { ...accepting, ...headers }, agent }
    request(options, resolve).once('error', reject).end()
  })
}

/** Asks on a connection of its own, with this Accept-Encoding or without any. */
export async function ask(port: number, acceptEncoding: string | undefined, asking: Asking = {}): Promise<Got> {
  const response = await open(port, acceptEncoding, asking)
  const chunks: Buffer[] = []
  response.on('data', (chunk: Buffer) => chunks.push(chunk)).on('error', () => {})
  await new Promise((resolve) => response.once('close', resolve))
  const bytes = Buffer.concat(chunks)
  const { headers, rawHeaders: lines, trailers, complete: whole } = response
  const text = whole ? decoded(bytes, headers['content-encoding']).toString() : ''
  return { status: response.statusCode ?? 0, headers, lines, bytes, text, trailers, whole }
}

/** Content without its coding. */
export function decoded(bytes: Buffer, coding: string | undefined): Buffer {
  if (bytes.length === 0) return bytes
  switch (coding) {
    case undefined:
    case 'identity':
      return bytes
    case 'gzip':
      return zlib.gunzipSync(bytes)
    case 'deflate':
      return zlib.inflateSync(bytes)
    case 'br':
      return zlib.brotliDecompressSync(bytes)
    case 'zstd':
      return zlib.zstdDecompressSync(bytes)
    default:
      throw new Error(`There is no coding ${coding}`)
  }
}

export const codings: readonly Coding[] = ['zstd', 'br', 'gzip', 'deflate']

/** What an answer's content is without its coding, as it comes. */
export function decodedStream(response: IncomingMessage): Readable {
  const decoders: Record<string, () => Duplex> = {
    gzip: zlib.createGunzip,
    deflate: zlib.createInflate,
    br: zlib.createBrotliDecompress,
    zstd: zlib.createZstdDecompress,
  }
  const decoder = decoders[response.headers['content-encoding'] ?? '']?.()
  if (decoder === undefined) return response
  response.once('error', (error) => decoder.destroy(error))
  return response.pipe(decoder)
}

/** The next piece of text that comes, however long that takes. */
export async function nextText(content: Readable): Promise<string> {
  const chunk = await new Promise<Buffer>((resolve, reject) => {
    content.once('data', (data: Buffer) => {
      content.pause()
      resolve(data)
    })
    content.once('error', reject).once('end', () => reject(new Error('It ended')))
    content.resume()
  })
  return chunk.toString()
}

/** Vary's members in lower case, in order. */
export function varyOf({ headers }: Pick<Got, 'headers'>): string[] {
  const members = (headers.vary ?? '').split(',').map((member) => member.trim().toLowerCase())
  return members.filter((member) => member !== '').sort()
}
