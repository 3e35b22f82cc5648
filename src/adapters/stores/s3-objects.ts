/** What the store asks of a bucket, whoever speaks to it. */

/** An object as it lies in the bucket. */
export interface FoundObject {
  readonly bytes: Buffer
  /** Names this very content; what a conditional write compares. */
  readonly etag: string
}

/** Under which condition an object is written: always, where there is none, or in place of the one with this etag. */
export type WriteCondition = 'always' | 'absent' | { readonly etag: string }

/** `refused`: the condition does not hold. `conflict`: another write was under way; ask again. */
export type WriteOutcome = 'written' | 'refused' | 'conflict'

export interface ObjectPage {
  readonly keys: readonly string[]
  /** Hand it in for the next page; undefined after the last. */
  readonly next: string | undefined
}

/** Objects by key in one bucket. Each method rejects with a StoreError that says what to do. */
export interface ObjectClient {
  get(key: string): Promise<FoundObject | undefined>
  put(key: string, bytes: Buffer, expires: number, condition: WriteCondition): Promise<WriteOutcome>
  delete(key: string): Promise<void>
  list(prefix: string, limit: number, page?: string): Promise<ObjectPage>
}

/**
 * S3 has no time to live, so an object begins with its own end, big-endian:
 *
 *     u8 magic · u8 version · f64 end (epoch ms, or Infinity) · the value
 */
const magic = 0x53
const version = 1
const header = 10

export interface TimedValue {
  /** Epoch ms, or Infinity. */
  readonly expires: number
  readonly value: Buffer
}

export function withExpiry({ expires, value }: TimedValue): Buffer {
  const bytes = Buffer.allocUnsafe(header + value.length)
  bytes[0] = magic
  bytes[1] = version
  bytes.writeDoubleBE(expires, 2)
  bytes.set(value, header)
  return bytes
}

/** Undefined where the bytes are not one of ours. */
export function timedValue(bytes: Buffer): TimedValue | undefined {
  if (bytes.length < header || bytes[0] !== magic || bytes[1] !== version) return undefined
  return { expires: bytes.readDoubleBE(2), value: bytes.subarray(header) }
}

/** What a listing and a policy show without reading the object: `x-amz-meta-expires`. */
export function expiryText(expires: number): string {
  return expires === Infinity ? 'never' : String(Math.ceil(expires))
}
