/** What becomes of purges where a store loses the log of them, or a part of it, and keeps the answers. */
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from 'vitest'
import { Mount } from '../../src/core/cache/mount.ts'
import { mountSettings } from '../../src/core/cache/options.ts'
import { ResponseCache } from '../../src/core/cache/response-cache.ts'
import { type Clock, systemClock } from '../../src/core/clock.ts'
import type { ListCapabilities } from '../../src/core/store/capabilities.ts'
import { withLists } from '../../src/core/store/lists.ts'
import type { RemoteStore } from '../../src/core/store/remote.ts'
import { answer, lookup } from '../support/engine.ts'
import { openStore, type Place, placeProgram, type StoreName, startPlace } from '../support/places.ts'
import { describeWithProgram } from '../support/servers.ts'

/** One process's cache, as far as a store can tell. */
interface Process {
  readonly store: RemoteStore
  readonly responses: ResponseCache
  readonly mount: Mount
}

const head = 'log bans'

/** Of a host whose time is set right only after a while. */
class LateClock implements Clock {
  ahead = 300_000

  now(): number {
    return Date.now() + this.ahead
  }

  monotonic(): number {
    return systemClock.monotonic()
  }
}

const names = ['redis', 'redis-cluster', 'memcached', 'postgres', 'etcd', 's3', 'sqlite', 'disk'] as const

describe.each(names)('a log of purges lost by %s', (name: StoreName) => {
  describeWithProgram(placeProgram(name), 'while the answers are kept', () => {
    let place: Place
    let own: RemoteStore
    let lists: ListCapabilities
    let open: Process[] = []

    beforeAll(async () => {
      place = await startPlace(name)
      own = await openStore(name, place.address)
      lists = withLists(own.capabilities as NonNullable<RemoteStore['capabilities']>)
    })
    afterAll(async () => {
      await own.close()
      await place.stop()
    })
    beforeEach(() => lose())
    afterEach(async () => {
      await Promise.all(open.map(({ store }) => store.close()))
      open = []
    })

    const start = async (clock: Clock = systemClock): Promise<Process> => {
      const store = await openStore(name, place.address)
      const responses = new ResponseCache({ store, storeTimeout: 5_000, clock })
      const started = { store, responses, mount: new Mount(responses, mountSettings({ collapse: false }, 'in')) }
      open.push(started)
      return started
    }

    /** What becomes of a request whose handler does not answer. */
    const fate = async ({ mount }: Process, url: string): Promise<string> => {
      const decision = await lookup(mount, { url })
      if ('exchange' in decision) decision.exchange.abandon()
      return decision.kind
    }

    const serve = async (process: Process, url: string, group: string): Promise<void> => {
      const decision = await lookup(process.mount, { url })
      if ('exchange' in decision) {
        answer(decision.exchange, { headers: { 'cache-control': 'max-age=600', 'cache-groups': `"${group}"` } })
      }
      await expect.poll(() => fate(process, url)).toBe('hit')
    }

    const loseLists = async (): Promise<void> => {
      const bytes = await lists.read(head)
      const named = bytes && (JSON.parse(bytes.toString()) as { lists: readonly string[] }).lists
      for (const list of named ?? []) await lists.append(`${head} ${list}`, Buffer.alloc(0), 1)
      // Some servers count lifetimes in seconds.
      for (const list of named ?? []) {
        await expect.poll(() => lists.slice(`${head} ${list}`, 0), { timeout: 5_000 }).toEqual([])
      }
    }

    const lose = async (): Promise<void> => {
      await loseLists()
      const bytes = await lists.read(head)
      if (bytes !== undefined) await lists.compareAndSwap(head, bytes, undefined, 1)
    }

    test('hits an answer of a process whose clock was ahead of the one that purges', async () => {
      const clock = new LateClock()
      const one = await start(clock)
      await one.responses.purge({ group: 'another' })
      clock.ahead = 0
      await serve(one, '/ahead', 'g')
      await one.store.close()
      await lose()
      await (await start()).responses.purge({ group: 'g' })
      expect(await fate(await start(), '/ahead')).toBe('miss')
    })

    test('hits an answer that had passed more purges than the next process knows of', async () => {
      const one = await start()
      for (let i = 0; i < 3; i++) await one.responses.purge({ group: 'another' })
      await serve(one, '/later', 'g')
      await one.store.close()
      await loseLists()
      await (await start()).responses.purge({ group: 'g' })
      expect(await fate(await start(), '/later')).toBe('miss')
    })

    test('hits what only the lost purges had hit', async () => {
      const one = await start()
      await serve(one, '/purged', 'g')
      await one.responses.purge({ group: 'g' })
      await one.store.close()
      await loseLists()
      const other = await start()
      for (let i = 0; i < 3; i++) await other.responses.purge({ group: 'another' })
      expect(await fate(await start(), '/purged')).toBe('miss')
    })

    test('is begun anew by several that purge at once, and all of them follow one log', async () => {
      const fleet = [await start(), await start(), await start(), await start()] as const
      for (const [i, process] of fleet.entries()) await serve(process, `/at-once-${i}`, `g${i}`)
      await lose()
      await Promise.all(fleet.map(({ responses }, i) => responses.purge({ group: `g${i}` })))
      const late = await start()
      for (const [i, process] of fleet.entries()) {
        expect(await fate(process, `/at-once-${i}`)).toBe('miss')
        expect(await fate(late, `/at-once-${i}`)).toBe('miss')
      }
      await serve(fleet[1], '/anew', 'g1')
      for (const process of [...fleet, late]) expect(await fate(process, '/anew')).toBe('hit')
      await fleet[0].responses.purge({ group: 'g1' })
      expect(await fate(await start(), '/anew')).toBe('miss')
    })
  })
})
