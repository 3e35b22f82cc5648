import { crc32 } from 'node:zlib'
import type { StoreItem } from './store.ts'

/**
 * An item as bytes, for far stores. Big-endian:
 *
 *     u8 magic · u8 version · u32 CRC-32 · u32 metadata length · u32 body length · metadata as JSON (UTF-8) · body
 *
 * The CRC covers everything behind itself, in one piece: calling for it twice costs more than what is before it is worth.
 */
const magic = 0xb7
/** Version 1 had its CRC behind the lengths. */
const version = 2
const checked = 6
const header = 14
/** Memory around a body that is worth a copy to be rid of: this part of the body. */
const tolerableWaste = 1 / 8

/**
 * `allocate` hands out memory of so many bytes.
 *
 * @throws TypeError where the metadata cannot be JSON, RangeError where a part has 4 GiB or more.
 */
export function encodeItem(item: StoreItem, allocate: (bytes: number) => Buffer = Buffer.allocUnsafe): Buffer {
  const meta = JSON.stringify(item.meta)
  const metaLength = Buffer.byteLength(meta)
  const frame = allocate(header + metaLength + item.body.length)
  frame[0] = magic
  frame[1] = version
  frame.writeUInt32BE(metaLength, 6)
  frame.writeUInt32BE(item.body.length, 10)
  frame.write(meta, header)
  frame.set(item.body, header + metaLength)
  frame.writeUInt32BE(checksum(frame), 2)
  return frame
}

/**
 * The item in `bytes`, or undefined where they are anything but one whole undamaged frame of this version.
 * The body may share the memory of `bytes` where little else is in it. Never throws.
 */
export function decodeItem(bytes: Uint8Array): StoreItem | undefined {
  const frame = Buffer.isBuffer(bytes) ? bytes : Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength)
  if (frame.length < header || frame[0] !== magic || frame[1] !== version) return undefined
  const metaEnd = header + frame.readUInt32BE(6)
  if (frame.length !== metaEnd + frame.readUInt32BE(10)) return undefined
  if (frame.readUInt32BE(2) !== checksum(frame)) return undefined
  const meta = parseObject(frame.toString('utf8', header, metaEnd))
  return meta && { meta, body: ownMemory(frame.subarray(metaEnd)) }
}

function checksum(frame: Buffer): number {
  return crc32(frame.subarray(checked))
}

function parseObject(json: string): object | undefined {
  try {
    const value: unknown = JSON.parse(json)
    return typeof value === 'object' && value !== null ? value : undefined
  } catch {
    return undefined
  }
}

/** Keeping a small body must not keep the larger memory it was read into. */
function ownMemory(body: Buffer): Buffer {
  const around = body.buffer.byteLength - body.length
  if (around <= body.length * tolerableWaste) return body
  const copy = Buffer.allocUnsafeSlow(body.length)
  copy.set(body)
  return copy
}
