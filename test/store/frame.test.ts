import { crc32 } from 'node:zlib'
import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { decodeItem, encodeItem } from '../../src/core/store/frame.ts'
import { itemOf } from './items.ts'

const body = fc.uint8Array({ maxLength: 3_000 }).map((bytes) => Buffer.from(bytes))
const meta = fc.dictionary(fc.string({ unit: 'binary' }), fc.jsonValue())
const item = fc.record({ meta, body })

describe('frame', () => {
  test('what was encoded is decoded as it was', () => {
    fc.assert(
      fc.property(item, ({ meta, body }) => {
        const found = decodeItem(encodeItem({ meta, body }))
        expect(found?.meta).toEqual(JSON.parse(JSON.stringify(meta)))
        expect(found?.body.equals(body)).toBe(true)
      }),
    )
  })

  test('a plain Uint8Array in the middle of other bytes is decoded too', () => {
    const frame = encodeItem(itemOf(100, { a: 1 }))
    const around = new Uint8Array(frame.length + 20)
    around.set(frame, 7)
    const found = decodeItem(around.subarray(7, 7 + frame.length))
    expect(found?.body.equals(itemOf(100).body)).toBe(true)
    expect(found?.meta).toEqual({ a: 1 })
  })

  test('no part of a frame is an item', () => {
    const frame = encodeItem(itemOf(50, { status: 200, headers: { etag: '"1"' } }))
    for (let length = 0; length < frame.length; length++) {
      expect(decodeItem(frame.subarray(0, length))).toBeUndefined()
      if (length > 0) expect(decodeItem(frame.subarray(length))).toBeUndefined()
    }
  })

  test('no frame with one bit turned is an item', () => {
    const frame = encodeItem(itemOf(50, { status: 200, headers: { etag: '"1"' } }))
    for (let bit = 0; bit < frame.length * 8; bit++) {
      const damaged = Buffer.from(frame)
      damaged[bit >> 3]! ^= 1 << (bit & 7)
      expect(decodeItem(damaged)).toBeUndefined()
    }
  })

  test('no frame with several bytes changed, added or taken away is an item', () => {
    const damage = fc.record({ at: fc.nat(), remove: fc.nat(8), insert: fc.uint8Array({ maxLength: 8 }) })
    fc.assert(
      fc.property(item, fc.array(damage, { minLength: 1, maxLength: 3 }), (whole, damages) => {
        const frame = encodeItem(whole)
        let bytes: Buffer = frame
        for (const { at, remove, insert } of damages) {
          const start = at % (bytes.length + 1)
          bytes = Buffer.concat([bytes.subarray(0, start), insert, bytes.subarray(start + remove)])
        }
        fc.pre(!bytes.equals(frame))
        expect(decodeItem(bytes)).toBeUndefined()
      }),
      { numRuns: 1_000 },
    )
  })

  test('bytes of any kind are no item, and no error', () => {
    fc.assert(fc.property(fc.uint8Array({ maxLength: 200 }), (bytes) => decodeItem(bytes) === undefined))
  })

  test('an intact frame of another version or another format is no item', () => {
    const frame = encodeItem(itemOf(10))
    const forged = (place: number, value: number) => {
      const copy = Buffer.from(frame)
      copy[place] = value
      copy.writeUInt32BE(crc32(copy.subarray(6)), 2)
      return copy
    }
    expect(decodeItem(forged(1, frame[1]!))).toBeDefined()
    expect(decodeItem(forged(0, 0x7b))).toBeUndefined()
    expect(decodeItem(forged(1, 1))).toBeUndefined()
    expect(decodeItem(forged(1, 3))).toBeUndefined()
    expect(decodeItem(forged(13, 9))).toBeUndefined()
    expect(decodeItem(forged(13, 11))).toBeUndefined()
  })

  test.each(['text', 1, null, true])('an intact frame whose metadata is %j is no item', (meta) => {
    expect(decodeItem(encodeItem({ meta: meta as unknown as object, body: Buffer.alloc(0) }))).toBeUndefined()
  })

  test('metadata that JSON cannot hold is an error where it is written', () => {
    const cyclic: Record<string, unknown> = {}
    cyclic.self = cyclic
    expect(() => encodeItem({ meta: cyclic, body: Buffer.alloc(0) })).toThrow(TypeError)
    expect(() => encodeItem({ meta: { n: 1n }, body: Buffer.alloc(0) })).toThrow(TypeError)
  })

  test('a small body does not keep the memory it was read into', () => {
    const found = decodeItem(Buffer.from(encodeItem(itemOf(10)).toString('base64'), 'base64'))
    expect(found?.body.buffer.byteLength).toBe(10)
  })

  test('a large body is not copied', () => {
    const frame = encodeItem(itemOf(1_000_000))
    expect(decodeItem(frame)?.body.buffer).toBe(frame.buffer)
  })
})
