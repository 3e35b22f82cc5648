import { isStoreItem } from './check.ts'
import type { StoreItem } from './store.ts'

/** Where the bytes of a value stand in an item's body. */
type Part = readonly [name: string, length: number]

interface KeyvMeta {
  readonly kind: 'keyv'
  readonly type: 'text' | 'bytes' | 'data'
  /** Of `data`: the value with its bytes taken out. */
  readonly value?: unknown
  /** Of `data`: its bytes, in order; a name is a path of property names. */
  readonly parts?: readonly Part[]
}

/**
 * What a Keyv hands its adapter, as an item: a string where it serializes, `{ value, expires }` where it does not.
 * Bytes stay bytes wherever they are, so a Buffer in a value costs no base64.
 *
 * @throws TypeError where the value cannot be JSON.
 */
export function itemOfKeyv(value: unknown): StoreItem {
  if (isStoreItem(value)) return value
  if (typeof value === 'string') return item({ kind: 'keyv', type: 'text' }, Buffer.from(value))
  if (value instanceof Uint8Array) return item({ kind: 'keyv', type: 'bytes' }, bytesOf(value))
  const parts: Part[] = []
  const bodies: Buffer[] = []
  const rest = withoutBytes(value, [], (path, bytes) => {
    parts.push([JSON.stringify(path), bytes.length])
    bodies.push(bytesOf(bytes))
  })
  return item({ kind: 'keyv', type: 'data', value: rest, parts }, Buffer.concat(bodies))
}

/** The value of an item that a Keyv stored, or the item itself; undefined where it says what no Keyv did. */
export function valueOfItem(found: StoreItem): unknown {
  const meta = found.meta as Partial<KeyvMeta>
  if (meta.kind !== 'keyv') return found
  if (meta.type === 'text') return found.body.toString()
  if (meta.type === 'bytes') return found.body
  const holder = { value: meta.value }
  let position = 0
  try {
    for (const [path, length] of meta.parts ?? []) {
      put(holder, ['value', ...(JSON.parse(path) as string[])], found.body.subarray(position, position + length))
      position += length
    }
    return holder.value
  } catch {
    // Whoever can write to the store could write anything: a failure would count against the store.
    return undefined
  }
}

/** When a Keyv's own value ends, epoch ms; undefined where it does not say. */
export function expiryOf(value: unknown): number | undefined {
  const { expires } = Object(value) as { expires?: unknown }
  return typeof expires === 'number' ? expires : undefined
}

function item(meta: KeyvMeta, body: Buffer): StoreItem {
  return { meta, body }
}

function bytesOf(bytes: Uint8Array): Buffer {
  return Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength)
}

function withoutBytes(
  value: unknown,
  path: readonly string[],
  found: (path: readonly string[], bytes: Uint8Array) => void,
): unknown {
  if (value instanceof Uint8Array) {
    found(path, value)
    return null
  }
  if (typeof value !== 'object' || value === null || 'toJSON' in value) return value
  if (Array.isArray(value)) return value.map((part, index) => withoutBytes(part, [...path, String(index)], found))
  const entries = Object.entries(value).map(([name, part]) => [name, withoutBytes(part, [...path, name], found)])
  return Object.fromEntries(entries)
}

function put(holder: object, path: readonly string[], bytes: Buffer): void {
  let place = holder as Record<string, unknown>
  for (const name of path.slice(0, -1)) {
    const next = Object.hasOwn(place, name) ? place[name] : undefined
    if (typeof next !== 'object' || next === null) return
    place = next as Record<string, unknown>
  }
  Object.defineProperty(place, path.at(-1) as string, {
    value: bytes,
    configurable: true,
    enumerable: true,
    writable: true,
  })
}
