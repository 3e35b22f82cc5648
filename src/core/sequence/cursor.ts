import { createHmac, timingSafeEqual } from 'node:crypto'
import { type Clock, systemClock } from '../clock.ts'
import { clockOption, knownOptions, numberBetween, quote } from '../options.ts'
import { derivedKeys, type EncryptionKey, type NamedKey } from '../store/encryption/keys.ts'
import { CursorError } from './page-error.ts'

/**
 * A part of what a cursor holds: an index, or a value of a key. Dates are given as text, exactly as the source orders
 * them: a `Date` has lost the microseconds that a database orders by.
 */
export type CursorValue = string | number | bigint | boolean | null

export interface CursorOptions {
  /**
   * The first signs, all are good for reading. To rotate, give a new key to all processes as the second one, then put
   * it in front, and take the old one away when `lifetime` has passed. Other uses of the same secrets do not meddle.
   */
  readonly keys: readonly CursorKey[]
  /**
   * How long a cursor is good for at least, ms, from a second to 24 days; up to a 24th longer. Default 24 hours.
   */
  readonly lifetime?: number | undefined
  readonly clock?: Clock | undefined
}

/** `id` is readable in each cursor; `secret` is 32 random bytes, or these in base64 or hex. */
export type CursorKey = EncryptionKey

const VERSION = 1
const EXPIRY_BYTES = 6
const MAC_BYTES = 16
const SECOND = 1000
const DAY = 24 * 60 * 60 * SECOND

/** More is not even decoded. */
const LONGEST = 2048

/**
 * Signs cursors and reads them again: base64url of version, key id, expiry, values and HMAC-SHA-256, truncated to 16
 * bytes. They are signed, not encrypted: whoever has one can read its values, but neither change them nor use them for
 * another `scope`.
 */
export class CursorSigner {
  readonly #first: NamedKey
  readonly #keys: ReadonlyMap<string, NamedKey>
  readonly #lifetime: number
  readonly #clock: Clock

  /** @throws TypeError or RangeError with the value quoted; secrets are not. */
  constructor(options: CursorOptions) {
    knownOptions('cursors', options, ['keys', 'lifetime', 'clock'])
    const { keys, lifetime, clock } = options ?? {}
    const ready = derivedKeys(keys, 'breakwater cursors', 'the first one signs, all are good for reading')
    this.#first = ready[0]
    this.#keys = new Map(ready.map((key) => [key.id, key]))
    this.#lifetime = numberBetween('lifetime', lifetime, SECOND, 24 * DAY, DAY)
    this.#clock = clockOption('clock', clock, systemClock)
  }

  /**
   * When cursors made now end, epoch ms. It moves on in steps of a 24th of the lifetime, so that the same page has the
   * same links, and with them the same entity tag, for a while.
   */
  get expiry(): number {
    const step = Math.max(SECOND, Math.floor(this.#lifetime / 24 / SECOND) * SECOND)
    return Math.ceil((this.#clock.now() + this.#lifetime) / step) * step
  }

  /**
   * A cursor of `values` for `scope`: whatever else decides what it means, such as route, filter and sort.
   *
   * @throws TypeError for a value of another kind, RangeError where they make a cursor of more than 2048 characters.
   */
  sign(values: readonly CursorValue[], scope: string): string {
    const id = Buffer.from(this.#first.id)
    const head = Buffer.alloc(2 + id.length + EXPIRY_BYTES)
    head[0] = VERSION
    head[1] = id.length
    id.copy(head, 2)
    head.writeUIntBE(this.expiry / SECOND, 2 + id.length, EXPIRY_BYTES)
    const content = Buffer.concat([head, Buffer.from(JSON.stringify(values.map(written)))])
    const cursor = Buffer.concat([content, macOf(this.#first, content, scope)]).toString('base64url')
    if (cursor.length <= LONGEST) return cursor
    throw new RangeError(`A cursor has at most ${LONGEST} characters, not ${cursor.length}: order by shorter values`)
  }

  /** @throws CursorError for what this signer or one with a key in common has not made for `scope`, or has expired. */
  open(cursor: string, scope: string): CursorValue[] {
    const bytes = bytesOf(cursor)
    const at = 2 + (bytes[1] ?? 0)
    const end = bytes.length - MAC_BYTES
    if (bytes[0] !== VERSION || end < at + EXPIRY_BYTES) throw new CursorError('invalid')
    const key = this.#keys.get(bytes.toString('latin1', 2, at))
    const content = bytes.subarray(0, end)
    if (key === undefined || !timingSafeEqual(macOf(key, content, scope), bytes.subarray(end))) {
      throw new CursorError('invalid')
    }
    if (bytes.readUIntBE(at, EXPIRY_BYTES) * SECOND <= this.#clock.now()) throw new CursorError('expired')
    return (JSON.parse(bytes.toString('utf8', at + EXPIRY_BYTES, end)) as Written[]).map(read)
  }
}

/** Only the one way of writing these bytes counts: there are no two cursors that mean the same. */
function bytesOf(cursor: string): Buffer {
  if (cursor.length > LONGEST) throw new CursorError('invalid')
  const bytes = Buffer.from(cursor, 'base64url')
  if (bytes.toString('base64url') !== cursor) throw new CursorError('invalid')
  return bytes
}

function macOf({ key }: NamedKey, content: Buffer, scope: string): Buffer {
  const scoped = Buffer.from(scope)
  const length = Buffer.alloc(4)
  length.writeUInt32BE(scoped.length)
  return createHmac('sha256', key).update(length).update(scoped).update(content).digest().subarray(0, MAC_BYTES)
}

/** JSON has no bigint. */
type Written = Exclude<CursorValue, bigint> | readonly [string]

function written(value: CursorValue): Written {
  if (typeof value === 'bigint') return [String(value)]
  if (value === null || typeof value === 'string' || typeof value === 'boolean') return value
  if (typeof value === 'number' && Number.isFinite(value)) return value
  throw new TypeError(
    `A cursor holds strings, finite numbers, bigints, true, false and null, not ${quote(value)}; give a date as text`,
  )
}

function read(value: Written): CursorValue {
  return Array.isArray(value) ? BigInt(value[0] as string) : (value as Exclude<CursorValue, bigint>)
}
