import { hash, randomBytes } from 'node:crypto'
import { setFlagsFromString } from 'node:v8'
import { runInNewContext } from 'node:vm'
import { describe, expect, test } from 'vitest'
import { ContentNames } from '../../src/core/compression/content-names.ts'

setFlagsFromString('--expose-gc')
const collectGarbage: () => void = runInNewContext('gc')

const sha256 = (content: Uint8Array): string => hash('sha256', content, 'base64url')

/** Names numbers up to 32 KiB. */
function contentNames(): { of: (content: Uint8Array) => string; isNew: (content: Uint8Array) => boolean } {
  const names = new ContentNames(32 * 1024)
  return { of: (content) => names.of(content).name, isNew: (content) => names.of(content).isNew }
}

describe('names of content', () => {
  test('stay the same while it is held, with no digest where it is small', () => {
    const names = contentNames()
    const content = randomBytes(20_000)
    const name = names.of(Buffer.from(content))
    expect(name).not.toBe(sha256(content))
    for (let i = 0; i < 5; i++) expect(names.of(Buffer.from(content))).toBe(name)
  })

  test('are digests where content is larger', () => {
    const names = contentNames()
    const content = randomBytes(40_000)
    for (let i = 0; i < 5; i++) expect(names.of(Buffer.from(content))).toBe(sha256(content))
  })

  test('are digests from the second time on where content comes again when it is held no more', () => {
    const names = contentNames()
    const contents = Array.from({ length: 500 }, () => randomBytes(30_000))
    const first = contents.map((content) => names.of(content))
    expect(new Set(first).size).toBe(contents.length)
    for (let i = 0; i < 2; i++) {
      for (const content of contents) expect(names.of(content)).toBe(sha256(content))
    }
  })

  test('tell that content is new, once', () => {
    const names = contentNames()
    const contents = Array.from({ length: 500 }, () => randomBytes(30_000))
    for (const isNew of [true, false, false]) {
      // Not all of them are held at the same time.
      expect(contents.map((content) => names.isNew(content))).toEqual(contents.map(() => isNew))
    }
  })

  test('are digests from the second time on where thousands of others come in turn with it', () => {
    const names = contentNames()
    const contents = Array.from({ length: 15_000 }, () => randomBytes(2_000))
    for (const content of contents) names.of(content)
    let known = 0
    for (const content of contents) if (names.of(content) === sha256(content)) known++
    // A few may be forgotten.
    expect(known).toBeGreaterThan(contents.length * 0.8)
  })

  test('tell contents apart that differ in one byte, wherever it is', () => {
    const names = contentNames()
    const content = randomBytes(5_000)
    const told = new Set([names.of(content)])
    for (let at = 0; at < content.length; at += 7) {
      const other = Buffer.from(content)
      other[at] = (other[at] as number) ^ 1
      const [name, again] = [names.of(other), names.of(other)]
      expect(told).not.toContain(name)
      expect(again).toBe(name)
      told.add(name)
    }
  })

  test('are never those of other content, however what is held goes round', () => {
    const names = contentNames()
    const contents = Array.from({ length: 80 }, (_, i) =>
      randomBytes(100 + ((i * 7_919) % (i % 2 === 0 ? 30_000 : 900_000))),
    )
    const named = new Map<string, number>()
    for (let i = 0; i < 2_000; i++) {
      const which = (i * 37 + (i >> 3)) % contents.length
      const name = names.of(contents[which] as Buffer)
      expect(named.get(name) ?? which).toBe(which)
      named.set(name, which)
    }
    // All of them came, and at least some went out of what is held.
    expect(named.size).toBeGreaterThan(new Set(named.values()).size)
  })

  test('are of what a buffer holds now, not of what it held before', () => {
    const names = contentNames()
    const content = Buffer.from('a'.repeat(3_000))
    const before = names.of(content)
    content[1] = 0x62
    expect(names.of(content)).not.toBe(before)
    content[1] = 0x61
    expect(names.of(content)).toBe(before)
  })

  test('of two who share a store are never alike', () => {
    expect(contentNames().of(Buffer.from('mine'))).not.toBe(contentNames().of(Buffer.from('yours')))
  })

  test('hold no more memory than they may, of large contents and of many', () => {
    const names = contentNames()
    const content = Buffer.alloc(512 * 1024)
    collectGarbage()
    const before = process.memoryUsage()
    for (let i = 0; i < 100; i++) {
      content.fill(String(i))
      names.of(content)
    }
    const small = content.subarray(0, 1_100)
    for (let i = 0; i < 100_000; i++) {
      small.writeUInt32BE(i)
      names.of(small)
    }
    collectGarbage()
    const after = process.memoryUsage()
    expect(after.arrayBuffers - before.arrayBuffers).toBeLessThan(9 * 1024 * 1024)
    expect(after.heapUsed - before.heapUsed).toBeLessThan(6 * 1024 * 1024)
    // It is used after all this, or it might be collected, too.
    expect(names.of(small)).toBe(names.of(small))
  })
})
