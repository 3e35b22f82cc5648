import { setImmediate } from 'node:timers/promises'
import { crc32 } from 'node:zlib'

/**
 * Bytes of a piece, the least that is read and verified of a large body: small enough for many slow readers at once,
 * large enough to be worth a call.
 */
export const pieceSize: number = 256 * 1024
/** Bytes that are summed up before others have their turn. */
const atOnce = 4 * 1024 * 1024

/** The CRC-32 of each piece of a body, u32 big-endian. */
export async function sumsOf(body: Buffer): Promise<Buffer> {
  const sums = Buffer.allocUnsafe(4 * Math.ceil(body.length / pieceSize))
  for (let start = 0; start < body.length; start += pieceSize) {
    sums.writeUInt32BE(crc32(body.subarray(start, start + pieceSize)), (4 * start) / pieceSize)
    if ((start + pieceSize) % atOnce === 0) await setImmediate()
  }
  return sums
}

/**
 * Bytes that come in pieces of any size as pieces of `size`; the last may be shorter. Copies only what does not fit.
 * Reads to the end of `bytes`, so that a connection they come from can be used again.
 */
export async function* regrouped(
  bytes: AsyncIterable<Uint8Array>,
  size: number,
  length: number,
): AsyncGenerator<Buffer, void, void> {
  let left = length
  let piece: Buffer | undefined
  let filled = 0
  for await (const chunk of bytes) {
    let rest = Buffer.from(chunk.buffer, chunk.byteOffset, chunk.byteLength)
    while (rest.length > 0 && left > 0) {
      const wanted = Math.min(size, left)
      if (piece === undefined && rest.length === wanted) {
        left -= wanted
        yield rest
        break
      }
      piece ??= Buffer.allocUnsafeSlow(wanted)
      const taken = rest.copy(piece, filled)
      filled += taken
      rest = rest.subarray(taken)
      if (filled < wanted) continue
      const whole = piece
      piece = undefined
      filled = 0
      left -= wanted
      yield whole
    }
  }
}
