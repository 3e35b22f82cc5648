import { hash, randomBytes } from 'node:crypto'
import { setFlagsFromString } from 'node:v8'
import { runInNewContext } from 'node:vm'
import { describe, expect, test } from 'vitest'
import { Digests } from '../../src/core/compression/digests.ts'

setFlagsFromString('--expose-gc')
const collectGarbage: () => void = runInNewContext('gc')

const sha256 = (content: Uint8Array): string => hash('sha256', content, 'base64url')

describe('digests of content', () => {
  test('are those of SHA-256, however often content comes', () => {
    const digests = new Digests()
    const content = randomBytes(20_000)
    for (let i = 0; i < 5; i++) expect(digests.of(Buffer.from(content))).toBe(sha256(content))
  })

  test('tell contents apart that differ in one byte, wherever it is', () => {
    const digests = new Digests()
    const content = randomBytes(5_000)
    for (let i = 0; i < 3; i++) digests.of(content)
    for (let at = 0; at < content.length; at += 7) {
      const other = Buffer.from(content)
      other[at] = (other[at] as number) ^ 1
      for (let i = 0; i < 3; i++) expect(digests.of(other)).toBe(sha256(other))
    }
    expect(digests.of(content)).toBe(sha256(content))
  })

  test('are those of what a buffer holds now, not of what it held before', () => {
    const digests = new Digests()
    const content = Buffer.from('a'.repeat(3_000))
    for (let i = 0; i < 3; i++) digests.of(content)
    content[1] = 0x62
    expect(digests.of(content)).toBe(sha256(content))
  })

  test('hold no more memory than they may', () => {
    const digests = new Digests()
    const content = Buffer.alloc(512 * 1024)
    const before = process.memoryUsage().arrayBuffers
    for (let i = 0; i < 200; i++) {
      content.fill(String(i))
      for (let j = 0; j < 3; j++) digests.of(content)
    }
    collectGarbage()
    expect(process.memoryUsage().arrayBuffers - before).toBeLessThan(16 * 1024 * 1024)
    expect(digests.of(content)).toBe(sha256(content))
  })
})
