import * as fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { Ring } from '../../src/core/compression/ring.ts'

const SIZE = 10_000

/** Bytes that tell which ones they are. */
function bytesOf(length: number, which: number): Buffer {
  return Buffer.from(Array.from({ length }, (_, i) => (i * 7 + which) % 251))
}

describe('a ring of bytes', () => {
  test('holds what was written last, whole, and tells of all that goes', () => {
    const write = fc.tuple(fc.nat(12), fc.oneof(fc.nat(SIZE + 500), fc.nat(300), fc.constantFrom(0, 1_000, SIZE)))
    void fc.assert(fc.property(fc.array(write, { maxLength: 200 }), check), { numRuns: 300 })
  })

  test('holds as much as it has room for', () => {
    const ring = new Ring<number, undefined>(SIZE)
    for (let key = 0; key < 10; key++) ring.hold(key, undefined, bytesOf(1_000, key))
    for (let key = 0; key < 10; key++) expect(ring.get(key)).toBeDefined()
    ring.hold(10, undefined, bytesOf(1_000, 10))
    expect(ring.get(0)).toBeUndefined()
    expect(ring.get(1)).toBeDefined()
  })

  test('holds only so many that are small or have no bytes at all: they take memory, too', () => {
    for (const length of [0, 1, 20]) {
      let held = 0
      const ring = new Ring<number, undefined>(SIZE, () => held--)
      for (let key = 0; key < 1_000; key++) {
        ring.hold(key, undefined, bytesOf(length, key))
        held++
      }
      expect(ring.get(999)).toBeDefined()
      expect(held).toBeLessThanOrEqual(SIZE / 200)
    }
  })

  test('does not take other bytes for those it holds', () => {
    const ring = new Ring<string, undefined>(SIZE)
    ring.hold('key', undefined, Buffer.from('abc'))
    const held = ring.get('key')
    expect(held && ['abc', 'abd', 'ab', 'abcd', ''].map((text) => ring.isSame(held, Buffer.from(text)))).toEqual([
      true,
      false,
      false,
      false,
      false,
    ])
  })

  test('gives copies that stay as they are', () => {
    const ring = new Ring<number, undefined>(SIZE)
    ring.hold(0, undefined, bytesOf(9_000, 0))
    const held = ring.get(0)
    const copy = held && ring.copyOf(held)
    ring.hold(1, undefined, bytesOf(9_000, 1))
    expect(copy).toEqual(bytesOf(9_000, 0))
  })
})

function check(writes: readonly (readonly [key: number, length: number])[]): void {
  const gone: number[] = []
  const ring = new Ring<number, string>(SIZE, (key) => gone.push(key))
  let held: { key: number; bytes: Buffer }[] = []
  for (const [which, [key, length]] of writes.entries()) {
    const bytes = bytesOf(length, which)
    const before = held.map((each) => each.key)
    gone.length = 0
    ring.hold(key, `value ${which}`, bytes)

    held = held.filter((each) => each.key !== key)
    if (length <= SIZE) held.push({ key, bytes })
    const left = held.filter((each) => ring.get(each.key) !== undefined)
    expect(left, 'the oldest go first').toEqual(held.slice(held.length - left.length))
    held = left
    const keys = held.map((each) => each.key)
    const evicted = before.filter((each) => each !== key && !keys.includes(each))
    expect(gone).toEqual([...before.filter((each) => each === key), ...evicted])

    for (const each of held) {
      const found = ring.get(each.key)
      expect(found && ring.isSame(found, each.bytes)).toBe(true)
      expect(found && ring.copyOf(found).equals(each.bytes)).toBe(true)
    }
    expect(ring.get(key)?.value).toBe(length <= SIZE ? `value ${which}` : undefined)
    expect(held.reduce((sum, each) => sum + each.bytes.length, 0)).toBeLessThanOrEqual(SIZE)
  }
}
