import { createHmac, createSecretKey, hkdfSync, type KeyObject } from 'node:crypto'
import { quote } from '../../options.ts'

/** A secret of 32 random bytes: the bytes, or the same in base64, base64url or hex. */
export type Secret = Uint8Array | string

export interface EncryptionKey {
  /** Written beside what is encrypted with it, so that it is found again: 1 to 64 letters, digits, `-`, `_` or `.`. */
  readonly id: string
  readonly secret: Secret
}

/** A key ready for use: a KeyObject, which costs a third of what bytes do each time, and does not print. */
export interface NamedKey {
  readonly id: string
  readonly key: KeyObject
}

const secretSize = 32
const toMake = `node -p "require('node:crypto').randomBytes(32).toString('base64')" makes one`

/**
 * Keys to rotate, each derived from a secret by HKDF for one `use`, so that a secret may serve several. The secrets
 * never appear in an error; `roles` does, where there is no key: what the first one does and what all do.
 *
 * @throws TypeError that says what a key must be.
 */
export function derivedKeys(keys: unknown, use: string, roles: string): readonly [NamedKey, ...NamedKey[]] {
  if (!Array.isArray(keys) || keys.length === 0) {
    throw new TypeError(`keys must be an array of at least one { id, secret }; ${roles}`)
  }
  const ready = keys.map((key: unknown, index) => namedKey(key, index, use))
  const ids = new Set(ready.map(({ id }) => id))
  if (ids.size < ready.length) throw new TypeError('keys must have ids that differ')
  return ready as [NamedKey, ...NamedKey[]]
}

/** What items are encrypted with. */
export function cipherKeys(keys: unknown): readonly [NamedKey, ...NamedKey[]] {
  return derivedKeys(keys, 'breakwater items', 'the first one encrypts, all decrypt')
}

/** What names are hashed with. */
export function nameKey(name: string, secret: Secret): KeyObject {
  return derived(secretBytes(name, secret), 'breakwater names')
}

/** HMAC-SHA-256 as text, of a key of any length and characters. */
export function hashedName(names: KeyObject, kind: 'item' | 'value' | 'channel', key: string): string {
  const hmac = createHmac('sha256', names)
  // As UTF-8, all lone surrogates would be the same.
  if (key.isWellFormed()) hmac.update(`${kind} 8 `).update(key)
  else hmac.update(`${kind} 16 `).update(Buffer.from(key, 'utf16le'))
  return hmac.digest('base64url')
}

function namedKey(key: unknown, index: number, use: string): NamedKey {
  const { id, secret } = Object(key) as Partial<EncryptionKey>
  if (typeof id !== 'string' || !/^[\w.-]{1,64}$/.test(id)) {
    throw new TypeError(`keys[${index}].id must be 1 to 64 letters, digits, -, _ or ., not ${quote(id)}`)
  }
  return { id, key: derived(secretBytes(`keys[${index}].secret`, secret), use) }
}

function secretBytes(name: string, secret: unknown): Buffer {
  const bytes = bytesOf(secret)
  if (bytes?.length === secretSize) return bytes
  const found = bytes === undefined ? 'something else' : `${bytes.length} bytes`
  throw new TypeError(`${name} must be 32 random bytes, or these in base64 or hex, not ${found}; ${toMake}`)
}

function bytesOf(secret: unknown): Buffer | undefined {
  if (secret instanceof Uint8Array) return Buffer.from(secret)
  if (typeof secret !== 'string') return undefined
  if (/^[\da-f]{64}$/i.test(secret)) return Buffer.from(secret, 'hex')
  if (/^[\w+/-]+={0,2}$/.test(secret)) return Buffer.from(secret, 'base64')
  return undefined
}

function derived(secret: Buffer, use: string): KeyObject {
  return createSecretKey(Buffer.from(hkdfSync('sha256', secret, Buffer.alloc(0), use, secretSize)))
}
