import { setTimeout as pause } from 'node:timers/promises'
import { setFlagsFromString } from 'node:v8'
import { runInNewContext } from 'node:vm'
import { expect, test, vi } from 'vitest'
import { BanLog } from '../../src/core/cache/bans.ts'
import { ResponseCache } from '../../src/core/cache/response-cache.ts'
import { SharedBans } from '../../src/core/cache/shared-bans.ts'
import { systemClock } from '../../src/core/clock.ts'
import { localCapabilities } from '../../src/core/store/local-capabilities.ts'
import { SharedLog } from '../../src/core/store/shared-log.ts'
import type { Store } from '../../src/core/store/store.ts'
import { farStore, ManualClock } from '../support/engine.ts'

const options = { clock: systemClock, interval: 0, timeout: 20, isDown: () => false }
const group = { kind: 'group', authority: undefined, group: 'g' } as const
const isRemoved = (bans: BanLog): boolean =>
  bans.check({ bansPassed: 0, banLog: bans.log, groups: ['g'], target: '/', authority: 'example.test' }) === 'removed'

/** Reads the lists of `kept` later than `timeout`. */
function slow(kept: ReturnType<typeof localCapabilities>): ReturnType<typeof localCapabilities> {
  const slice = kept.slice.bind(kept)
  kept.slice = async (key, from) => pause(3 * options.timeout).then(() => slice(key, from))
  return kept
}

test('a purge whose reading ends after its time is heeded all the same', async () => {
  const kept = localCapabilities({ clock: systemClock })
  await new SharedBans(new BanLog(), kept, options).add(group, false)
  const bans = new BanLog()
  await new SharedBans(bans, slow(kept), options).refresh(undefined, undefined)
  expect(isRemoved(bans)).toBe(false)
  await vi.waitFor(() => expect(isRemoved(bans)).toBe(true))
})

test('a purge that is made has been read by who made it, however slowly', async () => {
  const bans = new BanLog()
  await new SharedBans(bans, slow(localCapabilities({ clock: systemClock })), options).add(group, false)
  expect(isRemoved(bans)).toBe(true)
})

test('a soft purge by a process whose clock is ahead makes stale at once', async () => {
  const kept = localCapabilities({ clock: systemClock })
  const bans = new BanLog()
  const mirror = new SharedBans(bans, kept, options)
  await mirror.refresh(undefined, undefined)
  const before = bans.latest
  const ahead = { now: () => Date.now() + 300_000, monotonic: () => systemClock.monotonic() }
  await new SharedBans(new BanLog(), kept, { ...options, clock: ahead }).add(group, true)
  await vi.waitFor(async () => {
    await mirror.refresh(undefined, undefined)
    const entry = { bansPassed: before, banLog: bans.log, groups: ['g'], target: '/', authority: 'example.test' }
    const verdict = bans.check(entry)
    expect(verdict).toMatchObject({ staleAt: expect.closeTo(Date.now(), -4) })
  })
})

test('a store that was down when it was last asked, long ago, is tried by a purge', async () => {
  const kept = localCapabilities({ clock: systemClock })
  const bans = new BanLog()
  await new SharedBans(bans, kept, { ...options, isDown: () => true }).add(group, false)
  expect(isRemoved(bans)).toBe(true)
})

test('while a store is down, a purge a second tries it, and others are refused at once', async () => {
  const kept = localCapabilities({ clock: systemClock })
  const read = vi.spyOn(kept, 'read').mockRejectedValue(new Error('gone'))
  const clock = new ManualClock()
  const mirror = new SharedBans(new BanLog(), kept, { ...options, clock, isDown: () => true })
  const [first, queued] = [mirror.add(group, false), mirror.add(group, false)]
  await expect(first).rejects.toThrow('could not be written; try again: gone')
  await expect(queued).rejects.toThrow('could not be written; try again: the store is down')
  await expect(mirror.add(group, false)).rejects.toThrow('because the store is down; try again later')
  expect(read).toHaveBeenCalledOnce()
  clock.pass(1)
  await expect(mirror.add(group, false)).rejects.toThrow('could not be written; try again: gone')
  read.mockRestore()
  clock.pass(1)
  await mirror.add(group, false)
})

test('many purges that are told of at once are read together', async () => {
  const kept = localCapabilities({ clock: systemClock })
  const bans = new BanLog()
  const mirror = new SharedBans(bans, kept, options)
  await mirror.refresh(undefined, undefined)
  const log = new SharedLog(kept, 'bans')
  for (let i = 0; i < 100; i++) {
    const ban = { kind: 'group', authority: undefined, group: String(i) }
    await log.append(Buffer.from(JSON.stringify({ ban, soft: false, at: 0 })))
  }
  const entry = { bansPassed: bans.latest, banLog: bans.log, groups: ['99'], target: '/', authority: 'example.test' }
  const slice = vi.spyOn(kept, 'slice')
  for (let i = 0; i < 100; i++) void kept.publish('bans', '')
  await vi.waitFor(() => expect(bans.check(entry)).toBe('removed'))
  await pause(50)
  expect(slice.mock.calls.length).toBeLessThan(5)
})

test.each([
  ['the log', (name: string) => name === 'log bans'],
  ['a list of it', (name: string) => name !== 'log bans'],
])('what is under way when %s was lost counts as purged', async (_, isLost) => {
  const kept = localCapabilities({ clock: systemClock })
  const keys = new Set<string>()
  const append = kept.append.bind(kept)
  kept.append = (key, ...rest) => append(key, ...rest).finally(() => keys.add(key))
  const mirror = new SharedBans(new BanLog(), kept, options)
  await mirror.refresh(undefined, undefined)
  const listener = { purged: vi.fn(), failed: vi.fn() }
  mirror.listen(listener)
  const head = await kept.read('log bans')
  if (isLost('log bans')) await kept.compareAndSwap('log bans', head as Buffer, undefined, 1)
  else for (const key of keys) await append(key, Buffer.alloc(0), 0)
  await vi.waitFor(async () => {
    await mirror.refresh(undefined, undefined)
    expect(listener.purged).toHaveBeenCalled()
  })
})

test('a cache that nobody holds is gone, though its store is not; one that is held still hears of purges', async () => {
  setFlagsFromString('--expose-gc')
  const collect = runInNewContext('gc') as () => void
  const store: Store = { ...farStore(), capabilities: localCapabilities({ clock: systemClock }) }
  // The first, for which the mirror is made.
  const gone = await (async () => {
    const cache = new ResponseCache({ store })
    await cache.purge({ group: 'g' })
    return new WeakRef(cache)
  })()
  const held = new ResponseCache({ store })
  const closed = vi.spyOn(held.inFlight, 'closeAll')
  await vi.waitFor(() => {
    collect()
    // Not `toBeUndefined`, whose error would hold it.
    expect(gone.deref() === undefined).toBe(true)
  })
  await held.sharedBans?.add(group, false)
  expect(closed).toHaveBeenCalledOnce()
})
