import { describe, expect, test, vi } from 'vitest'
import { Mount } from '../../src/core/cache/mount.ts'
import { type CacheOptions, mountSettings } from '../../src/core/cache/options.ts'
import { ResponseCache } from '../../src/core/cache/response-cache.ts'
import type { StoreCapabilities } from '../../src/core/store/capabilities.ts'
import { localCapabilities } from '../../src/core/store/local-capabilities.ts'
import { memoryStore } from '../../src/core/store/memory.ts'
import type { Store } from '../../src/core/store/store.ts'
import { tieredStore } from '../../src/core/store/tiered.ts'
import {
  type Answer,
  type Asked,
  answer,
  content,
  exchangeOf,
  farStore,
  lookup,
  ManualClock,
  replyOf,
} from '../support/engine.ts'

interface Process {
  readonly responses: ResponseCache
  readonly mount: Mount
}

interface Fleet {
  readonly clock: ManualClock
  readonly one: Process
  readonly other: Process
  readonly capabilities: StoreCapabilities
}

interface Setting {
  /** Whether the store can push. Default false: what is read, is read by the clock. */
  readonly push?: boolean
  readonly nearTtl?: number
  readonly mount?: CacheOptions
  /** Changes what the store can push, before anybody uses it. */
  readonly watch?: (capabilities: Required<StoreCapabilities>) => void
}

/** Two processes' caches on one store. */
function fleet({ push = false, nearTtl, mount = {}, watch }: Setting = {}): Fleet {
  const clock = new ManualClock()
  const kept = memoryStore({ clock })
  const { publish, subscribe, ...silent } = plain(localCapabilities({ clock }))
  const capabilities: StoreCapabilities = push ? { ...silent, publish, subscribe } : silent
  watch?.(capabilities as Required<StoreCapabilities>)
  const process = (): Process => {
    const far: Store = { ...farStore(kept), capabilities }
    const store = nearTtl === undefined ? far : tieredStore(memoryStore({ clock }), far, { nearTtl })
    const responses = new ResponseCache({ store, clock })
    return { responses, mount: new Mount(responses, mountSettings(mount, 'in')) }
  }
  return { clock, one: process(), other: process(), capabilities }
}

/** An instance's methods as properties of their own. */
function plain(own: ReturnType<typeof localCapabilities>): ReturnType<typeof localCapabilities> {
  const bound = (name: keyof typeof own) => (own[name] as (...args: never[]) => unknown).bind(own)
  const names = [
    'read',
    'increment',
    'setIfAbsent',
    'compareAndSwap',
    'append',
    'slice',
    'publish',
    'subscribe',
  ] as const
  return { scope: own.scope, ...Object.fromEntries(names.map((name) => [name, bound(name)])) } as typeof own
}

const ok: Answer = { headers: { 'cache-control': 'max-age=60, stale-while-revalidate=60', 'cache-groups': '"g"' } }
const settle = () => vi.waitFor(async () => {}, { timeout: 100 })

/** Asks, and lets the handler answer where it is run. Resolves with what became of the request. */
async function serve({ mount }: Process, asked: Asked = {}, response: Answer = ok): Promise<string> {
  const decision = await lookup(mount, asked)
  if ('exchange' in decision) answer(decision.exchange, response)
  await settle()
  return decision.kind
}

describe.each([
  ['a far store', {}],
  ['two tiers', { nearTtl: 5_000 }],
])('purges of a fleet on %s', (_, setting) => {
  const urls = ['/a', '/a/b', '/c']
  const left = async (process: Process): Promise<string[]> => {
    const found: string[] = []
    for (const url of urls) {
      const decision = await lookup(process.mount, { url })
      if (decision.kind === 'hit') found.push(url)
      if ('exchange' in decision) decision.exchange.abandon()
    }
    await settle()
    return found
  }
  const filled = async (given: Setting): Promise<Fleet> => {
    const made = fleet({ ...setting, ...given })
    for (const url of urls)
      await serve(made.one, { url }, url === '/c' ? ok : { headers: { 'cache-control': 'max-age=60' } })
    expect(await left(made.other)).toEqual(urls)
    return made
  }

  test.each([
    [{ url: '/a' }, ['/a/b', '/c']],
    [{ url: 'http://example.test/a' }, ['/a/b', '/c']],
    [{ prefix: '/a' }, ['/c']],
    [{ group: 'g' }, ['/a', '/a/b']],
    [{ all: true }, []],
  ] as const)('%o is seen at once where it is made', async (what, rest) => {
    const { one } = await filled({})
    await one.responses.purge(what)
    expect(await left(one)).toEqual(rest)
  })

  test('are seen by others as soon as the store pushes', async () => {
    const { one, other } = await filled({ push: true })
    await one.responses.purge({ group: 'g' })
    await settle()
    expect(await left(other)).toEqual(['/a', '/a/b'])
  })

  test('are read when a lost connection is back, for what was pushed meanwhile was not heard', async () => {
    const connected: (() => void)[] = []
    const made = await filled({
      push: true,
      watch: (capabilities) => {
        vi.spyOn(capabilities, 'publish').mockResolvedValue()
        vi.spyOn(capabilities, 'subscribe').mockImplementation(async (_, subscriber) => {
          connected.push(() => subscriber.connected())
          return async () => {}
        })
      },
    })
    await made.one.responses.purge({ group: 'g' })
    await settle()
    expect(await left(made.other)).toEqual(urls)
    expect(connected).toHaveLength(2)
    for (const tell of connected) tell()
    await vi.waitFor(async () => expect(await left(made.other)).toEqual(['/a', '/a/b']))
  })

  test('are seen by others within the interval where it does not', async () => {
    const { clock, one, other } = await filled({})
    clock.pass(1)
    await one.responses.purge({ group: 'g' })
    clock.pass(5)
    expect(await left(other)).toEqual(['/a', '/a/b'])
  })

  test('soft ones make stale', async () => {
    const { one } = await filled({})
    await one.responses.purge({ group: 'g', soft: true })
    expect(await serve(one, { url: '/c' })).toBe('stale')
  })

  test('do not hit what is stored afterwards', async () => {
    const { clock, one, other } = await filled({ push: true })
    await one.responses.purge({ all: true })
    clock.pass(1)
    for (const url of urls) await serve(other, { url })
    expect(await left(one)).toEqual(urls)
  })

  test('hit an answer that was under way in another process', async () => {
    const { one, other } = await filled({ push: true })
    const decision = await lookup(other.mount, { url: '/new' })
    await one.responses.purge({ prefix: '/n' })
    await settle()
    answer(exchangeOf(decision), ok)
    await settle()
    expect(await serve(one, { url: '/new' })).toBe('miss')
  })

  test('by Cache-Group-Invalidation reach all', async () => {
    const { one, other } = await filled({ push: true })
    await serve(one, { method: 'POST', url: '/other' }, { headers: { 'cache-group-invalidation': '"g"' } })
    await vi.waitFor(async () => expect(await left(other)).toEqual(['/a', '/a/b']))
  })

  test('a process that cannot reach the log serves on', async () => {
    const { clock, other, capabilities } = await filled({})
    vi.spyOn(capabilities as { read: StoreCapabilities['read'] }, 'read').mockRejectedValue(new Error('down'))
    clock.pass(6)
    expect(await left(other)).toEqual(urls)
  })

  test('that cannot be written say so', async () => {
    const { one, capabilities } = await filled({})
    vi.spyOn(capabilities as { read: StoreCapabilities['read'] }, 'read').mockRejectedValue(new Error('down'))
    await expect(one.responses.purge({ group: 'g' })).rejects.toThrow('The purge could not be written; try again: down')
  })
})

test('a process that has not read the log yet does not serve what may have been purged', async () => {
  const { one, other, capabilities } = fleet()
  await serve(one, { url: '/a' })
  await one.responses.purge({ url: '/b' })
  await serve(one, { url: '/c' })
  const reading = vi.spyOn(capabilities as { slice: NonNullable<StoreCapabilities['slice']> }, 'slice')
  reading.mockRejectedValue(new Error('late'))
  for (const url of ['/a', '/c']) expect(await serve(other, { url })).toBe('miss')
})

test('an answer is as old as its handler’s run, however long its turn was waited for', async () => {
  const { clock, one, other } = fleet({ mount: { collapse: { timeout: 60_000 } } })
  const leading = await lookup(one.mount)
  const waiting = Promise.resolve(lookup(other.mount))
  await vi.waitFor(() => expect(other.responses.inFlight.size).toBe(1))
  clock.pass(20)
  exchangeOf(leading).abandon()
  answer(exchangeOf(await waiting), { headers: { 'cache-control': 'max-age=10' } })
  await settle()
  expect((await lookup(other.mount)).kind).toBe('hit')
})

test('after a purge nobody waits for a leader that began before it', async () => {
  const { one } = fleet()
  await lookup(one.mount)
  await one.responses.purge({ all: true })
  const start = performance.now()
  expect((await lookup(one.mount)).kind).toBe('miss')
  expect(performance.now() - start).toBeLessThan(2_000)
})

test('a request that takes nothing stored waits for nobody', async () => {
  const { one, other } = fleet()
  await lookup(one.mount)
  expect((await lookup(other.mount, { headers: { 'cache-control': 'no-cache' } })).kind).toBe('miss')
})

describe('a purge on a far store without compare-and-swap', () => {
  test.each([
    ['a URL', { url: 'http://example.test/' }],
    ['a URL softly', { url: 'http://example.test/', soft: true }],
    ['all', { all: true }],
  ] as const)('of %s rejects where the store did not do it', async (_, what) => {
    const failing = async () => Promise.reject(new Error('down'))
    const responses = new ResponseCache({ store: { ...farStore(), delete: failing, clear: failing, set: failing } })
    const mount = new Mount(responses, mountSettings({}, 'in'))
    expect(mount.settings.key).toBeUndefined()
    await expect(responses.purge(what)).rejects.toThrow('The purge did not reach the store far')
  })
})

test('a far store without compare-and-swap refuses to purge a group with a sentence', async () => {
  const responses = new ResponseCache({ store: farStore() })
  await expect(responses.purge({ group: 'g' })).rejects.toThrow('has no compare-and-swap')
})

describe('one of a fleet leads for a key', () => {
  test('and the others answer with what it stores', async () => {
    const { one, other } = fleet()
    const leading = await lookup(one.mount)
    const waiting = Promise.resolve(lookup(other.mount))
    await settle()
    answer(exchangeOf(leading), { ...ok, body: 'the leader’s' })
    const decision = await waiting
    expect(decision.kind).toBe('hit')
    expect(await content(replyOf(decision))).toBe('the leader’s')
  })

  test('until its handler fails to answer', async () => {
    const { one, other } = fleet()
    const leading = await lookup(one.mount)
    const waiting = Promise.resolve(lookup(other.mount))
    exchangeOf(leading).abandon()
    expect((await waiting).kind).toBe('miss')
  })

  test('and tells the others where its answer may not be shared', async () => {
    const { one, other } = fleet()
    const leading = await lookup(one.mount)
    const waiting = Promise.resolve(lookup(other.mount))
    answer(exchangeOf(leading), { headers: { 'cache-control': 'no-store' } })
    expect((await waiting).kind).toBe('miss')
    // Remembered: the next one does not even ask.
    const [first, second] = await Promise.all([lookup(other.mount), lookup(other.mount)])
    expect([first.kind, second.kind]).toEqual(['miss', 'miss'])
  })

  test('but nobody waits longer than collapse.timeout', async () => {
    const { clock, one, other } = fleet({ mount: { collapse: { timeout: 50 } } })
    await lookup(one.mount)
    const waiting = Promise.resolve(lookup(other.mount))
    await vi.waitFor(() => expect(other.responses.inFlight.size).toBe(1))
    clock.pass(1)
    expect((await waiting).kind).toBe('miss')
  })

  test('nor after its caller has given up', async () => {
    const { one, other } = fleet()
    await lookup(one.mount)
    const caller = new AbortController()
    const waiting = Promise.resolve(lookup(other.mount, { signal: caller.signal }))
    await settle()
    caller.abort(new Error('enough'))
    await expect(waiting).rejects.toThrow()
    expect(other.responses.inFlight.size).toBe(0)
  })

  test('and one refreshes what is stale', async () => {
    const { clock, one, other } = fleet({ nearTtl: 120_000 })
    await serve(one)
    await serve(other)
    clock.pass(61)
    const [first, second] = [await lookup(one.mount), await lookup(other.mount)]
    const ours = exchangeOf(first)
    const theirs = exchangeOf(second)
    expect(await one.mount.mayRefresh(ours)).toBe(true)
    expect(await other.mount.mayRefresh(theirs)).toBe(false)
    answer(ours, ok)
    await settle()
    // The other's near tier is behind: it finds what was refreshed instead of refreshing it again.
    await vi.waitFor(async () => {
      const again = await lookup(other.mount)
      if (again.kind === 'stale') expect(await other.mount.mayRefresh(exchangeOf(again))).toBe(false)
      expect(again.kind).toBe('hit')
    })
  })

  test('a store that cannot say who leads holds nobody up', async () => {
    const { one, other, capabilities } = fleet()
    const failing = vi.spyOn(capabilities as { setIfAbsent: StoreCapabilities['setIfAbsent'] }, 'setIfAbsent')
    failing.mockRejectedValue(new Error('down'))
    expect((await lookup(one.mount)).kind).toBe('miss')
    expect((await lookup(other.mount)).kind).toBe('miss')
  })
})
