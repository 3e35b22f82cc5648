import { afterEach, beforeEach, expect, test, vi } from 'vitest'
import { Turns } from '../../src/adapters/stores/postgres-turns.ts'

const patience = 100
let now = 0
const clock = { now: () => now, monotonic: () => now }

beforeEach(() => {
  vi.useFakeTimers()
})
afterEach(() => {
  expect(vi.getTimerCount()).toBe(0)
  vi.useRealTimers()
})

test('as many as may work at once, the others in the order in which they came', async () => {
  const turns = new Turns(2, patience, clock)
  const order: number[] = []
  const work = async (n: number): Promise<void> => {
    await turns.enter()
    order.push(n)
  }
  const all = [1, 2, 3, 4].map(work)
  await Promise.resolve()
  expect(order).toEqual([1, 2])
  turns.leave()
  turns.leave()
  await Promise.all(all)
  expect(order).toEqual([1, 2, 3, 4])
})

test('who waits goes on waiting while others finish, and is turned away when nobody does', async () => {
  const turns = new Turns(1, patience, clock)
  await turns.enter()
  const waiting = [1, 2, 3].map(() => Promise.resolve(turns.enter()).then(() => 'entered', String))
  await vi.advanceTimersByTimeAsync(patience - 1)
  turns.leave()
  expect(await waiting[0]).toBe('entered')
  await vi.advanceTimersByTimeAsync(patience - 1)
  turns.leave()
  expect(await waiting[1]).toBe('entered')
  await vi.advanceTimersByTimeAsync(patience)
  expect(await waiting[2]).toBe('StoreError: PostgreSQL has not finished anything for 100 ms')
})

test('no more than 16,384 wait', async () => {
  const turns = new Turns(1, patience, clock)
  await turns.enter()
  const waiting = Array.from({ length: 16_384 }, () => Promise.resolve(turns.enter()).catch(String))
  await expect(turns.enter()).rejects.toThrow('16384 operations are waiting')
  turns.close()
  expect(new Set(await Promise.all(waiting))).toEqual(new Set(['StoreError: The store was closed']))
})

test('lets one less work after shrinking, at least one, and one more again some seconds later', async () => {
  const turns = new Turns(3, patience, clock)
  expect([turns.shrink(), turns.shrink(), turns.shrink()]).toEqual([true, true, false])
  expect(turns.enter()).toBeUndefined()
  const waits = Promise.resolve(turns.enter()).catch(String)
  now += 5000
  expect(turns.enter()).toBeUndefined()
  turns.close()
  expect(await waits).toMatch('closed')
})
