/** Content in the codings that undici's `decompress` interceptor knows, and ways to ask for it. */
import zlib from 'node:zlib'
import * as undici8 from 'undici'
import * as undici7 from 'undici7'

type Undici = typeof undici8

// Not from the tests' own support, for a child that is no test uses this, too.
const releases = [
  ['undici 8', undici8],
  ['undici 7', undici7 as unknown as Undici],
] as const

const encoders: Readonly<Record<string, (content: Buffer) => Buffer>> = {
  identity: (content) => content,
  gzip: zlib.gzipSync,
  'x-gzip': zlib.gzipSync,
  deflate: zlib.deflateSync,
  // The best of them takes a second for what is asked here.
  br: (content) => zlib.brotliCompressSync(content, { params: { [zlib.constants.BROTLI_PARAM_QUALITY]: 5 } }),
  zstd: (content) => zlib.zstdCompressSync(content),
}

export const codings: readonly string[] = ['gzip', 'x-gzip', 'deflate', 'br', 'zstd']

/** Content as a Content-Encoding says: the codings in the order in which they are applied. */
export function encode(content: Buffer, contentEncoding: string): Buffer {
  return contentEncoding.split(', ').reduce((coded, coding) => encoders[coding]?.(coded) as Buffer, content)
}

/** Sends a request and counts what comes of its answer's content. Failures of `fetch` are told by their cause. */
export type Read = (url: string, dispatcher: undici8.Dispatcher, options?: object) => Promise<number>

export const ways: [string, Undici, Read][] = releases.flatMap(([name, undici]): [string, Undici, Read][] => [
  [`request of ${name}`, undici, reading(undici)],
  [`fetch of ${name}`, undici, fetching(undici, undici.fetch as unknown as typeof fetch)],
  [`global fetch over ${name}`, undici, fetching(undici, fetch)],
])

function reading(undici: Undici): Read {
  return async (url, dispatcher, options) => {
    const { body } = await undici.request(url, { dispatcher, ...options } as never)
    return count(body)
  }
}

function fetching(undici: Undici, ask: typeof fetch): Read {
  return async (url, dispatcher, options) => {
    const before = undici.getGlobalDispatcher()
    undici.setGlobalDispatcher(dispatcher)
    try {
      const { body } = await ask(url, options as RequestInit)
      return await count(body as AsyncIterable<Uint8Array> | null)
    } catch (error) {
      throw (error as Error).cause ?? error
    } finally {
      undici.setGlobalDispatcher(before)
    }
  }
}

async function count(body: AsyncIterable<Uint8Array> | null): Promise<number> {
  let bytes = 0
  for await (const chunk of body ?? []) bytes += chunk.length
  return bytes
}
