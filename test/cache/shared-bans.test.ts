import { setTimeout as pause } from 'node:timers/promises'
import { expect, test, vi } from 'vitest'
import { BanLog } from '../../src/core/cache/bans.ts'
import { SharedBans } from '../../src/core/cache/shared-bans.ts'
import { systemClock } from '../../src/core/clock.ts'
import type { StoreCapabilities } from '../../src/core/store/capabilities.ts'
import { localCapabilities } from '../../src/core/store/local-capabilities.ts'

const timeout = 20
const passed = { bansPassed: 0, groups: ['g'], target: '/', authority: 'example.test' }

test('a purge whose reading ends after its time is heeded all the same', async () => {
  const kept = localCapabilities({ clock: systemClock })
  let delay = 0
  const slow = {
    scope: kept.scope,
    read: async (key) => pause(delay).then(() => kept.read(key)),
    increment: kept.increment.bind(kept),
    setIfAbsent: kept.setIfAbsent.bind(kept),
    compareAndSwap: kept.compareAndSwap.bind(kept),
    append: kept.append.bind(kept),
    slice: kept.slice.bind(kept),
  } satisfies StoreCapabilities
  const options = { clock: systemClock, interval: 0, timeout }
  const bans = new BanLog()
  const reader = new SharedBans(bans, slow, options)
  await new SharedBans(new BanLog(), kept, options).add({ kind: 'group', authority: undefined, group: 'g' }, false)

  delay = 3 * timeout
  await reader.refresh(undefined, undefined)
  expect(bans.check({ ...passed })).toBeUndefined()
  await vi.waitFor(() => expect(bans.check({ ...passed })).toBe('removed'))
})
