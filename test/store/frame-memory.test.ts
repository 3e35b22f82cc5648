import { expect, test } from 'vitest'
import { FrameMemory } from '../../src/core/store/frame-memory.ts'
import { type ByteBackend, remoteStore } from '../../src/core/store/remote.ts'
import { itemOf } from './items.ts'

const KiB = 1024
const minute = 60_000

test('memory that was given back is handed out again, in the length that is asked for', () => {
  const memory = new FrameMemory()
  const first = memory.take(20 * KiB)
  expect(first.length).toBe(20 * KiB)
  expect(memory.take(20 * KiB).buffer).not.toBe(first.buffer)
  memory.giveBack(first)
  const second = memory.take(30 * KiB)
  expect(second.buffer).toBe(first.buffer)
  expect(second.length).toBe(30 * KiB)
})

test.each([0, 1, 4095, 4096, 4097, 2 ** 21 - 1, 2 ** 21, 2 ** 21 + 1])('hands out %i bytes, twice', (bytes) => {
  const memory = new FrameMemory()
  const first = memory.take(bytes)
  expect(first.length).toBe(bytes)
  memory.giveBack(first)
  expect(memory.take(bytes).length).toBe(bytes)
})

test('keeps no more than 8 MiB', () => {
  const memory = new FrameMemory()
  const taken = Array.from({ length: 12 }, () => memory.take(KiB * KiB))
  for (const frame of taken) memory.giveBack(frame)
  const known = new Set(taken.map(({ buffer }) => buffer))
  const again = Array.from({ length: 12 }, () => memory.take(KiB * KiB))
  expect(again.filter(({ buffer }) => known.has(buffer)).length).toBe(8)
})

/** Says when `set` is done, as a client does. */
function slowBackend(): ByteBackend & { readonly frames: Buffer[]; settle: (() => void)[]; fail: (() => void)[] } {
  const frames: Buffer[] = []
  const settle: (() => void)[] = []
  const fail: (() => void)[] = []
  return {
    frames,
    settle,
    fail,
    givesBytesBack: true,
    capabilities: undefined,
    open: async () => {},
    get: async () => undefined,
    set: (_, bytes) => {
      frames.push(bytes)
      return new Promise<void>((resolve, reject) => {
        settle.push(resolve)
        fail.push(() => reject(new Error('lost')))
      })
    },
    delete: async () => {},
    clear: async () => {},
    close: async () => {},
  }
}

test('a frame is used again only when the client has written it, and not where it failed', async () => {
  const backend = slowBackend()
  const store = remoteStore('slow', backend, {})
  const set = async (settled: 'settle' | 'fail' | undefined) => {
    const done = store.set('key', itemOf(20 * KiB), minute).catch(() => {})
    await expect.poll(() => backend.frames.length).toBe(++count)
    if (settled !== undefined) {
      backend[settled].at(-1)?.()
      await done
    }
    return backend.frames.at(-1)?.buffer
  }
  let count = 0
  const pending = await set(undefined)
  const failed = await set('fail')
  const written = await set('settle')
  expect(new Set([pending, failed, written]).size).toBe(3)
  expect(await set('settle')).toBe(written)
})
