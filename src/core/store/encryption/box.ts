import { createCipheriv, createDecipheriv, createHmac, createSecretKey, type KeyObject, randomBytes } from 'node:crypto'
import type { NamedKey } from './keys.ts'

/** What is encrypted, in parts that keep their lengths, and what it takes to decrypt it. */
export interface Sealed {
  readonly keyId: string
  readonly iv: Buffer
  readonly tag: Buffer
  readonly parts: readonly Buffer[]
}

const algorithm = 'aes-256-gcm'
const ivSize = 12
const tagSize = 16
const frameVersion = 1

/** AES-256-GCM with keys that can be rotated. What is sealed under a name opens under that name only. */
export class Box {
  readonly #first: NamedKey
  readonly #keys: ReadonlyMap<string, NamedKey>

  constructor(keys: readonly [NamedKey, ...NamedKey[]]) {
    this.#first = keys[0]
    this.#keys = new Map(keys.map((key) => [key.id, key]))
  }

  seal(name: string, parts: readonly Buffer[]): Sealed {
    const iv = randomBytes(ivSize)
    const cipher = createCipheriv(algorithm, keyFor(this.#first, name), iv, { authTagLength: tagSize })
    cipher.setAAD(bound(name, parts))
    const sealed = parts.map((part) => cipher.update(part))
    cipher.final()
    return { keyId: this.#first.id, iv, tag: cipher.getAuthTag(), parts: sealed }
  }

  /** Undefined where the key is not known, or anything but what was sealed under this name. Never throws. */
  open(name: string, { keyId, iv, tag, parts }: Sealed): Buffer[] | undefined {
    const key = this.#keys.get(keyId)
    if (key === undefined || iv.length !== ivSize || tag.length !== tagSize) return undefined
    try {
      const decipher = createDecipheriv(algorithm, keyFor(key, name), iv, { authTagLength: tagSize })
      decipher.setAAD(bound(name, parts))
      decipher.setAuthTag(tag)
      const opened = parts.map((part) => decipher.update(part))
      decipher.final()
      return opened
    } catch {
      return undefined
    }
  }

  /** As bytes: u8 version · u8 length of the key's id · id · IV · tag · what is encrypted. */
  sealBytes(name: string, bytes: Buffer): Buffer {
    const { keyId, iv, tag, parts } = this.seal(name, [bytes])
    const id = Buffer.from(keyId)
    return Buffer.concat([Buffer.from([frameVersion, id.length]), id, iv, tag, ...parts])
  }

  openBytes(name: string, frame: Buffer): Buffer | undefined {
    if (frame[0] !== frameVersion) return undefined
    const ivStart = 2 + (frame[1] ?? 0)
    const tagStart = ivStart + ivSize
    const start = tagStart + tagSize
    const sealed = {
      keyId: frame.toString('latin1', 2, ivStart),
      iv: frame.subarray(ivStart, tagStart),
      tag: frame.subarray(tagStart, start),
      parts: [frame.subarray(start)],
    }
    return this.open(name, sealed)?.[0]
  }
}

/** A key for each name: two IVs of one key do not meet, however many items are written. */
function keyFor({ key }: NamedKey, name: string): KeyObject {
  return createSecretKey(createHmac('sha256', key).update(name).digest())
}

/** The name and where the parts begin: bytes cannot be moved from one to the next. */
function bound(name: string, parts: readonly Buffer[]): Buffer {
  return Buffer.from(`breakwater ${frameVersion} ${parts.map(({ length }) => length).join('+')} ${name}`)
}
