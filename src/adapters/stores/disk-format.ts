import { crc32 } from 'node:zlib'

/**
 * What a file holds. Big-endian:
 *
 *     u32 magic with version · u32 CRC-32 of all that follows · f64 epoch ms of the end · u16 key length · key · value
 */
const magic = 0x42774401
const checked = 8
const header = 18

export interface Kept {
  readonly expires: number
  readonly value: Buffer
}

export function encodeFile(key: string, expires: number, value: Uint8Array): Buffer {
  const file = Buffer.allocUnsafe(header + key.length + value.length)
  file.writeUInt32BE(magic, 0)
  file.writeDoubleBE(expires, 8)
  file.writeUInt16BE(key.length, 16)
  file.write(key, header, 'latin1')
  file.set(value, header + key.length)
  file.writeUInt32BE(crc32(file.subarray(checked)), 4)
  return file
}

/** What `file` keeps under the key; undefined where it is damaged, another key's, or of another version. Never throws. */
export function decodeFile(key: string, file: Buffer): Kept | undefined {
  const start = header + key.length
  if (file.length < start || file.readUInt32BE(0) !== magic) return undefined
  if (file.readUInt16BE(16) !== key.length || file.toString('latin1', header, start) !== key) return undefined
  if (file.readUInt32BE(4) !== crc32(file.subarray(checked))) return undefined
  return { expires: file.readDoubleBE(8), value: file.subarray(start) }
}

/**
 * What stands before a body in a file of its own, which is read in parts. Big-endian:
 *
 *     u32 magic with version · u16 key length · u16 name length · key · name
 *
 * The item it belongs to says when it ends, and has the checksums of its pieces.
 */
const bodyMagic = 0x42774402

export function bodyHeader(key: string, name: string): Buffer {
  const header = Buffer.allocUnsafe(8 + key.length + name.length)
  header.writeUInt32BE(bodyMagic, 0)
  header.writeUInt16BE(key.length, 4)
  header.writeUInt16BE(name.length, 6)
  header.write(key + name, 8, 'latin1')
  return header
}
