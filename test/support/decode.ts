import { brotliDecompressSync, gunzipSync, inflateSync, zstdDecompressSync } from 'node:zlib'

/** The content behind a content coding. Throws where it is not whole, or is in no coding that answers are given. */
export function decode(coding: string, content: Uint8Array): Buffer {
  switch (coding) {
    case 'identity':
      return Buffer.from(content)
    case 'gzip':
      return gunzipSync(content)
    case 'deflate':
      return inflateSync(content)
    case 'br':
      return brotliDecompressSync(content)
    case 'zstd':
      return zstdDecompressSync(content)
    default:
      throw new Error(`No decoder for ${coding}`)
  }
}
