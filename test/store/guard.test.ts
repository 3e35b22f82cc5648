import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest'
import type { StoreGuardOptions } from '../../src/core/store/guard.ts'
import { type GuardedStore, guardStore, StoreBudget, type StoreEvent } from '../../src/core/store/guard.ts'
import { watchedHealth } from '../../src/core/store/health.ts'
import { memoryStore } from '../../src/core/store/memory.ts'
import type { Store, StoreItem } from '../../src/core/store/store.ts'
import { HeldClock } from './held-clock.ts'
import { itemOf } from './items.ts'

const minute = 60_000

type Answer = () => unknown

/** A store that answers as it is told. */
class ToldStore {
  readonly name = 'told'
  readonly near: boolean
  readonly maxEntrySize = 1024 ** 2
  readonly calls: unknown[][] = []
  answer: Answer

  constructor(near: boolean, answer: Answer = () => undefined) {
    this.near = near
    this.answer = answer
  }

  #call(...call: unknown[]): never {
    this.calls.push(call)
    return this.answer() as never
  }
  get = (key: string) => this.#call('get', key)
  set = (key: string, item: StoreItem, lifetime: number) => this.#call('set', key, item, lifetime)
  delete = (key: string) => this.#call('delete', key)
  clear = () => this.#call('clear')
  reserve = (bytes: number) => this.#call('reserve', bytes)
  release = (bytes: number) => this.#call('release', bytes)
}

const hang: Answer = () => new Promise(() => {})
const reject: Answer = () => Promise.reject(new Error('refused'))
const throwAtOnce: Answer = () => {
  throw new Error('thrown')
}
const later =
  (ms: number, value?: unknown): Answer =>
  () =>
    new Promise((resolve) => setTimeout(resolve, ms, value))

const garbage: [string, unknown][] = [
  ['text', 'text'],
  ['null', null],
  ['a body that is text', { meta: {}, body: 'text' }],
  ['a body that is no Buffer', { meta: {}, body: new Uint8Array(3) }],
  ['no metadata', { body: Buffer.alloc(1) }],
  ['metadata that is null', { meta: null, body: Buffer.alloc(1) }],
]

let clock: HeldClock
let events: StoreEvent[]

beforeEach(() => {
  clock = new HeldClock()
  events = []
  vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout'] })
})
afterEach(() => {
  expect(vi.getTimerCount()).toBe(0)
  vi.useRealTimers()
})

function guard(store: unknown, options: StoreGuardOptions = {}): GuardedStore {
  return guardStore(store as Store, { clock, onEvent: (event) => events.push(event), ...options })
}

/** Lets time pass for timers and for the clock. */
async function pass(ms: number): Promise<void> {
  clock.pass(ms)
  await vi.advanceTimersByTimeAsync(ms)
}

const types = () => events.map(({ type }) => type)

describe('a far store', () => {
  const far = (answer?: Answer) => new ToldStore(false, answer)

  test('that answers in time is passed through', async () => {
    const item = itemOf(5)
    const store = far(async () => item)
    const guarded = guard(store)
    expect(await guarded.get('a')).toBe(item)
    expect(await guarded.set('a', item, minute)).toBe(true)
    expect(await guarded.delete('a')).toBe(true)
    expect(await guarded.clear()).toBe(true)
    expect(store.calls).toEqual([['get', 'a'], ['set', 'a', item, minute], ['delete', 'a'], ['clear']])
    expect([guarded.name, guarded.near, guarded.maxEntrySize, events]).toEqual(['told', false, 1024 ** 2, []])
  })

  test.each([
    ['rejects', reject, 'refused'],
    ['throws at once', throwAtOnce, 'thrown'],
  ])('that %s: a read is a miss, a write is false, each with an event', async (_, answer, message) => {
    const guarded = guard(far(answer))
    expect(await guarded.get('a')).toBeUndefined()
    expect(await guarded.set('a', itemOf(1), minute)).toBe(false)
    expect(await guarded.delete('a')).toBe(false)
    expect(await guarded.clear()).toBe(false)
    expect(events).toEqual(
      ['get', 'set', 'delete', 'clear'].map((operation) => ({
        type: 'error',
        operation,
        store: 'told',
        error: new Error(message),
      })),
    )
  })

  test('that hangs: a read is a miss at the deadline', async () => {
    const found = vi.fn()
    void Promise.resolve(guard(far(hang), { storeTimeout: 100 }).get('a')).then(found)
    await pass(99)
    expect(found).not.toHaveBeenCalled()
    await pass(1)
    expect(found).toHaveBeenCalledExactlyOnceWith(undefined)
    expect(events).toEqual([{ type: 'timeout', operation: 'get', store: 'told' }])
  })

  test('that hangs: a write is false at its own deadline', async () => {
    const kept = guard(far(hang)).set('a', itemOf(1), minute)
    await pass(2_000)
    expect(await kept).toBe(false)
    expect(events).toEqual([{ type: 'timeout', operation: 'set', store: 'told' }])
  })

  test.each<[string, Answer]>([
    ['success', later(150, itemOf(1))],
    ['failure', () => (later(150)() as Promise<unknown>).then(() => Promise.reject(new Error('late')))],
  ])('that is slow: a late %s is ignored', async (_, answer) => {
    const found = guard(far(answer)).get('a')
    await pass(100)
    expect(await found).toBeUndefined()
    await pass(100)
    expect(types()).toEqual(['timeout'])
  })

  test.each(garbage)('that answers with %s: a miss with an event', async (_, value) => {
    expect(await guard(far(async () => value)).get('a')).toBeUndefined()
    expect(types()).toEqual(['error'])
    expect(String(events[0]?.error)).toContain('told answered with something that is no item')
  })

  test('that answers without a promise is understood', async () => {
    const item = itemOf(1)
    expect(await guard(far(() => item)).get('a')).toBe(item)
  })

  test('an abort ends the wait at once', async () => {
    const abort = new AbortController()
    const removed = vi.spyOn(abort.signal, 'removeEventListener')
    const found = guard(far(later(50, itemOf(1)))).get('a', undefined, abort.signal)
    abort.abort()
    expect(await found).toBeUndefined()
    expect(removed).toHaveBeenCalled()
    await pass(50)
    expect(events).toEqual([])
  })

  test('a signal that is aborted already: the store is not asked', async () => {
    const store = far()
    expect(await guard(store).get('a', undefined, AbortSignal.abort())).toBeUndefined()
    expect(store.calls).toEqual([])
  })

  test('a signal that never aborts keeps no listener', async () => {
    const { signal } = new AbortController()
    const added = vi.spyOn(signal, 'addEventListener')
    const removed = vi.spyOn(signal, 'removeEventListener')
    await guard(far(async () => undefined)).get('a', undefined, signal)
    expect(removed).toHaveBeenCalledTimes(added.mock.calls.length)
  })

  test('a store left waiting after an abort still counts as late', async () => {
    const abort = new AbortController()
    const guarded = guard(far(hang))
    const reads = Array.from('abcde', (key) => guarded.get(key, undefined, abort.signal))
    abort.abort()
    await Promise.all(reads)
    await pass(100)
    expect(types().at(-1)).toBe('gate-open')
  })

  test('a listener that throws does no harm', async () => {
    const onEvent = () => {
      throw new Error('listener')
    }
    expect(await guard(far(reject), { onEvent }).get('a')).toBeUndefined()
  })

  test('reserve and release are passed on, and a fault in them is a no', () => {
    const store = far(() => true)
    const guarded = guard(store)
    expect(guarded.reserve(10)).toBe(true)
    guarded.release(10)
    expect(store.calls).toEqual([
      ['reserve', 10],
      ['release', 10],
    ])
    store.answer = () => 'yes'
    expect(guarded.reserve(10)).toBe(false)
    store.answer = throwAtOnce
    expect(guarded.reserve(10)).toBe(false)
    guarded.release(10)
    expect(events.map(({ operation }) => operation)).toEqual(['reserve', 'release'])
  })
})

describe('reads of one key that begin together', () => {
  const reads = (store: ToldStore) => store.calls.filter(([call]) => call === 'get').length

  test('ask the store once', async () => {
    const item = itemOf(1)
    const store = new ToldStore(false, later(50, item))
    const guarded = guard(store)
    const both = [guarded.get('a'), guarded.get('a')]
    const other = guarded.get('b')
    await pass(50)
    expect(await Promise.all(both)).toEqual([item, item])
    await other
    expect(store.calls).toEqual([
      ['get', 'a'],
      ['get', 'b'],
    ])
  })

  test('end when their own time is up', async () => {
    const item = itemOf(1)
    const guarded = guard(new ToldStore(false, later(50, item)))
    const patient = guarded.get('a')
    const hurried = guarded.get('a', new StoreBudget(clock, 10))
    await pass(10)
    expect(await hurried).toBeUndefined()
    await pass(40)
    expect(await patient).toBe(item)
  })

  test('are told of a failure once', async () => {
    const guarded = guard(new ToldStore(false, reject))
    await Promise.all([guarded.get('a'), guarded.get('a')])
    expect(types()).toEqual(['error'])
  })

  test('do not include one of a later turn, which may be after a write of somebody else', async () => {
    const store = new ToldStore(false, later(50))
    const guarded = guard(store)
    const first = guarded.get('a')
    await new Promise((resolve) => setImmediate(resolve))
    const second = guarded.get('a')
    expect(reads(store)).toBe(2)
    await pass(50)
    await Promise.all([first, second])
  })

  test.each<[string, (guarded: GuardedStore) => unknown]>([
    ['a write', (guarded) => guarded.set('a', itemOf(2), minute)],
    ['a removal', (guarded) => guarded.delete('a')],
    ['a removal of everything', (guarded) => guarded.clear()],
  ])('do not include one that began before %s was done', async (_, change) => {
    let kept: StoreItem | undefined = itemOf(1)
    const store = new ToldStore(false)
    // Its client answers within the turn, and a read takes longer than a write.
    store.answer = async () => {
      const isRead = store.calls.at(-1)?.[0] === 'get'
      const found = kept
      for (let step = 0; step < (isRead ? 200 : 5); step++) await undefined
      if (!isRead) kept = undefined
      return isRead ? found : undefined
    }
    const guarded = guard(store)
    const changed = change(guarded)
    const before = guarded.get('a')
    await changed
    expect(await guarded.get('a')).toBeUndefined()
    await before
  })

  test.each<[string, (guarded: GuardedStore) => unknown]>([
    ['a write', (guarded) => guarded.set('a', itemOf(2), minute)],
    ['a removal', (guarded) => guarded.delete('a')],
    ['a removal of everything', (guarded) => guarded.clear()],
  ])('do not include one behind %s', async (_, change) => {
    const store = new ToldStore(false, later(50))
    const guarded = guard(store)
    const first = guarded.get('a')
    const changed = change(guarded)
    const second = guarded.get('a')
    expect(reads(store)).toBe(2)
    await pass(50)
    await Promise.all([first, changed, second])
  })
})

describe('the budget of a request', () => {
  test('runs only while something waits', async () => {
    const budget = new StoreBudget(clock, 100)
    const guarded = guard(new ToldStore(false, later(30)))
    const first = guarded.get('a', budget)
    await pass(30)
    await first
    expect(budget.remaining()).toBe(70)
    await pass(1_000)
    expect(budget.remaining()).toBe(70)
  })

  test('is one for all calls: what a first call took, a second does not have', async () => {
    const budget = new StoreBudget(clock, 100)
    const store = new ToldStore(false, later(80))
    const guarded = guard(store)
    const first = guarded.get('a', budget)
    await pass(80)
    await first
    const second = vi.fn()
    void Promise.resolve(guarded.get('b', budget)).then(second)
    await pass(19)
    expect(second).not.toHaveBeenCalled()
    await pass(1)
    expect(second).toHaveBeenCalledWith(undefined)
    expect(await guarded.get('c', budget)).toBeUndefined()
    expect(store.calls.length).toBe(2)
    expect(types()).toEqual(['timeout', 'timeout'])
    await pass(100)
    expect(types()).toEqual(['timeout', 'timeout'])
  })

  test('counts two calls at the same time once', async () => {
    const budget = new StoreBudget(clock, 100)
    const guarded = guard(new ToldStore(false, later(40)))
    const both = [guarded.get('a', budget), guarded.get('b', budget)]
    await pass(25)
    expect(budget.remaining()).toBe(75)
    await pass(15)
    await Promise.all(both)
    expect(budget.remaining()).toBe(60)
  })

  test('a call cut short by its budget is told of once, though the store never answers', async () => {
    const cut = guard(new ToldStore(false, hang)).get('a', new StoreBudget(clock, 5))
    await pass(5)
    expect(await cut).toBeUndefined()
    await pass(100)
    expect(types()).toEqual(['timeout'])
  })

  test('a call cut short by its budget is no failure of a store that answers in time', async () => {
    const guarded = guard(new ToldStore(false, later(20)))
    for (let i = 0; i < 20; i++) {
      const cut = guarded.get('a', new StoreBudget(clock, 5))
      await pass(30)
      expect(await cut).toBeUndefined()
    }
    expect(types()).not.toContain('gate-open')
  })
})

describe('the gate', () => {
  const failing = async (guarded: GuardedStore, times: number) => {
    for (let i = 0; i < times; i++) await guarded.get('a')
  }

  test('opens after 5 failures in a row, and the store is not asked any more', async () => {
    const store = new ToldStore(false, reject)
    const guarded = guard(store)
    await failing(guarded, 5)
    expect(types()).toEqual(['error', 'error', 'error', 'error', 'error', 'gate-open'])
    expect(await guarded.get('a')).toBeUndefined()
    expect(await guarded.set('a', itemOf(1), minute)).toBe(false)
    expect(store.calls.length).toBe(5)
    expect(events.slice(6).map(({ type, operation }) => [type, operation])).toEqual([
      ['skipped', 'get'],
      ['skipped', 'set'],
    ])
  })

  test('a success in between starts the count again', async () => {
    const store = new ToldStore(false, reject)
    const guarded = guard(store)
    for (let round = 0; round < 3; round++) {
      store.answer = reject
      await failing(guarded, 4)
      store.answer = async () => undefined
      await guarded.get('a')
    }
    expect(types()).not.toContain('gate-open')
  })

  /** A store that can be written to, and whose reads never come. */
  const unreadable = () => {
    const store = new ToldStore(false, hang)
    store.set = (async () => void store.calls.push(['set'])) as never
    return store
  }
  const readAndWrite = async (guarded: GuardedStore, times: number) => {
    for (let i = 0; i < times; i++) {
      const read = guarded.get('a')
      await pass(100)
      expect(await read).toBeUndefined()
      await guarded.set('a', itemOf(1), minute)
    }
  }

  test('opens after 5 reads in a row that failed, though writes between them did not', async () => {
    const guarded = guard(unreadable())
    await readAndWrite(guarded, 4)
    expect(types()).not.toContain('gate-open')
    await readAndWrite(guarded, 1)
    expect(types().slice(-2)).toEqual(['gate-open', 'skipped'])
    // Nobody waits any more.
    expect(await guarded.get('a')).toBeUndefined()
  })

  test('is not closed by a write where reads opened it', async () => {
    const store = unreadable()
    const guarded = guard(store)
    await readAndWrite(guarded, 5)
    await pass(1_000)
    expect(await guarded.set('a', itemOf(1), minute)).toBe(false)
    store.answer = async () => undefined
    await guarded.get('a')
    await pass(0)
    expect(types().at(-1)).toBe('gate-closed')
    expect(await guarded.set('a', itemOf(1), minute)).toBe(true)
  })

  test('stays closed for a store that can be read, however many writes fail', async () => {
    const store = new ToldStore(false, async () => undefined)
    store.set = (() => Promise.reject(new Error('full'))) as never
    const guarded = guard(store)
    for (let i = 0; i < 20; i++) {
      await guarded.get('a')
      expect(await guarded.set('a', itemOf(1), minute)).toBe(false)
    }
    expect(types()).not.toContain('gate-open')
  })

  test('makes one probe after 1 s, for which nobody waits, and closes when it succeeds', async () => {
    const store = new ToldStore(false, reject)
    const guarded = guard(store)
    await failing(guarded, 5)
    await pass(999)
    await guarded.get('a')
    expect(store.calls.length).toBe(5)
    await pass(1)
    store.answer = later(10, itemOf(1))
    expect(await guarded.get('a')).toBeUndefined()
    expect(await guarded.get('a')).toBeUndefined()
    expect(store.calls.length).toBe(6)
    await pass(10)
    expect(types().at(-1)).toBe('gate-closed')
    const next = guarded.get('a')
    await pass(10)
    expect(await next).toBeDefined()
  })

  test('waits twice as long after each failed probe, 30 s at most', async () => {
    const store = new ToldStore(false, reject)
    const guarded = guard(store)
    await failing(guarded, 5)
    for (const interval of [1, 2, 4, 8, 16, 30, 30]) {
      const before = store.calls.length
      await pass(interval * 1000 - 1)
      await guarded.get('a')
      expect(store.calls.length).toBe(before)
      await pass(1)
      await guarded.get('a')
      await pass(0)
      expect(store.calls.length).toBe(before + 1)
    }
    expect(types().filter((type) => type === 'gate-open').length).toBe(1)
  })

  test('a probe that hangs is a failed probe', async () => {
    const store = new ToldStore(false, hang)
    const guarded = guard(store)
    const reads = Array.from('abcde', (key) => guarded.get(key))
    await pass(100)
    await Promise.all(reads)
    await pass(1_000)
    await guarded.get('a')
    await pass(100)
    await pass(1_999)
    await guarded.get('a')
    expect(store.calls.length).toBe(6)
    await pass(1)
    store.answer = async () => undefined
    await guarded.get('a')
    await pass(0)
    expect(types().at(-1)).toBe('gate-closed')
  })

  test('the answers of calls made before it opened do not close it', async () => {
    const store = new ToldStore(false, later(50))
    const guarded = guard(store)
    const early = guarded.get('early')
    store.answer = reject
    await failing(guarded, 5)
    await pass(50)
    await early
    await guarded.get('a')
    expect(types().slice(-2)).toEqual(['gate-open', 'skipped'])
  })

  test('lets who asks for the health of a store that is down try it, though nobody else asks for anything', async () => {
    const store = new ToldStore(false, reject)
    await failing(guard(store), 5)
    expect(watchedHealth(store).state).toBe('down')
    expect(store.calls.length).toBe(5)
    await pass(1_000)
    expect(watchedHealth(store).state).toBe('down')
    expect(watchedHealth(store).state).toBe('down')
    expect(store.calls.length).toBe(6)
    await pass(0)
    await pass(1_999)
    store.answer = async () => undefined
    watchedHealth(store)
    expect(store.calls.length).toBe(6)
    await pass(1)
    expect(watchedHealth(store).state).toBe('down')
    await pass(0)
    expect(watchedHealth(store).state).toBe('up')
    expect(store.calls.length).toBe(7)
    expect(types().slice(5)).toEqual(['gate-open', 'gate-closed'])
  })

  test('so is one that failed, when it has not for 5 s', async () => {
    const store = new ToldStore(false, reject)
    await failing(guard(store), 1)
    store.answer = async () => undefined
    await pass(4_999)
    expect(watchedHealth(store).state).toBe('degraded')
    expect(store.calls.length).toBe(1)
    await pass(1)
    expect(watchedHealth(store).state).toBe('degraded')
    await pass(0)
    expect(watchedHealth(store).state).toBe('up')
    expect(store.calls.length).toBe(2)
  })

  test('may be another one', async () => {
    const permit = { succeed: vi.fn(), fail: vi.fn() }
    const enter = vi.fn(() => permit as typeof permit | undefined)
    const store = new ToldStore(false, async () => undefined)
    const guarded = guard(store, { gate: { enter } })
    await guarded.get('a')
    expect(permit.succeed).toHaveBeenCalledTimes(1)
    store.answer = reject
    await guarded.get('a')
    expect(permit.fail).toHaveBeenCalledExactlyOnceWith(new Error('refused'))
    enter.mockReturnValue(undefined)
    await guarded.get('a')
    enter.mockImplementation(() => {
      throw new Error('open')
    })
    await guarded.get('a')
    expect(store.calls.length).toBe(2)
    expect(types()).toEqual(['error', 'skipped', 'skipped'])
  })
})

describe('what could not be removed from a far store', () => {
  /** A store that keeps what it is given while it is up. */
  const keeping = () => {
    const kept = new Map<string, StoreItem>()
    const store = { ...new ToldStore(false), isUp: true }
    const ifUp = (run: () => unknown): never =>
      (store.isUp ? Promise.resolve(run()) : Promise.reject(new Error('down'))) as never
    store.get = (key) => ifUp(() => kept.get(key))
    store.set = (key, item) => ifUp(() => void kept.set(key, item))
    store.delete = (key) => ifUp(() => kept.delete(key))
    store.clear = () => ifUp(() => kept.clear())
    return { store, kept }
  }
  const goDown = async (store: { isUp: boolean }, guarded: GuardedStore) => {
    store.isUp = false
    for (let i = 0; i < 5; i++) await guarded.get('other')
    expect(types().at(-1)).toBe('gate-open')
  }
  const comeBack = async (store: { isUp: boolean }, guarded: GuardedStore) => {
    store.isUp = true
    await pass(1_000)
    await guarded.get('other')
    expect(types()).toContain('gate-closed')
  }

  test('is removed when the store is back', async () => {
    const { store, kept } = keeping()
    const guarded = guard(store)
    await guarded.set('a', itemOf(1), minute)
    await goDown(store, guarded)
    expect(await guarded.delete('a')).toBe(false)
    await comeBack(store, guarded)
    await pass(0)
    expect(kept.has('a')).toBe(false)
  })

  test('is not used before it is removed, and looking for it finds out that the store is back', async () => {
    const { store, kept } = keeping()
    const guarded = guard(store)
    await guarded.set('a', itemOf(1), minute)
    store.isUp = false
    expect(await guarded.delete('a')).toBe(false)
    store.isUp = true
    expect(kept.has('a')).toBe(true)
    expect(await guarded.get('a')).toBeUndefined()
    await pass(0)
    expect(kept.has('a')).toBe(false)
  })

  test('is not used while it is being removed', async () => {
    const { store } = keeping()
    const guarded = guard(store)
    await guarded.set('a', itemOf(1), minute)
    const remove = store.delete
    store.delete = (async (key: string) => {
      await later(1_000)()
      return remove(key)
    }) as never
    const removing = guarded.delete('a')
    expect(await guarded.get('a')).toBeUndefined()
    const next = guarded.set('a', itemOf(2), minute)
    await pass(1_000)
    expect(await removing).toBe(true)
    expect(await next).toBe(true)
    expect(await guarded.get('a')).toEqual(itemOf(2))
  })

  test('is not asked for twice where it is under way, which would tell the gate nothing', async () => {
    const { store } = keeping()
    const entered = vi.fn(() => ({ succeed: () => {}, fail: () => {} }))
    const guarded = guard(store, { gate: { enter: entered } })
    const remove = store.delete
    store.delete = (async (key: string) => {
      await later(1_000)()
      return remove(key)
    }) as never
    const removing = guarded.delete('a')
    await guarded.get('other')
    await pass(1_000)
    expect(await removing).toBe(true)
    await pass(0)
    expect(entered).toHaveBeenCalledTimes(2)
  })

  test('is left alone where something new has taken its place', async () => {
    const { store, kept } = keeping()
    const guarded = guard(store)
    await guarded.set('a', itemOf(1), minute)
    store.isUp = false
    await guarded.delete('a')
    store.isUp = true
    expect(await guarded.set('a', itemOf(2), minute)).toBe(true)
    await pass(0)
    expect(kept.get('a')).toEqual(itemOf(2))
    expect(await guarded.get('a')).toEqual(itemOf(2))
  })

  test('does not come back with a write from before that arrives late', async () => {
    const { store, kept } = keeping()
    const guarded = guard(store)
    const { set, delete: remove } = store
    store.set = later(3_000) as never
    const late = guarded.set('a', itemOf(1), minute)
    store.delete = reject as never
    const removing = guarded.delete('a')
    await pass(2_000)
    expect([await late, await removing]).toEqual([false, false])
    kept.set('a', itemOf(1))
    await pass(1_000)
    expect(await guarded.get('a')).toBeUndefined()
    await pass(0)
    Object.assign(store, { set, delete: remove })
    await guarded.get('other')
    await pass(0)
    expect(kept.has('a')).toBe(false)
  })

  test('is asked for again as long as it cannot be removed, one at a time', async () => {
    const { store, kept } = keeping()
    const guarded = guard(store)
    for (const key of 'abc') await guarded.set(key, itemOf(1), minute)
    const remove = store.delete
    const refuse = vi.fn(reject)
    store.delete = refuse as never
    for (const key of 'abc') await guarded.delete(key)
    expect(refuse).toHaveBeenCalledTimes(3)
    await guarded.get('other')
    await pass(0)
    expect(refuse).toHaveBeenCalledTimes(4)
    store.delete = remove
    await guarded.get('other')
    await pass(0)
    expect([...kept.keys()]).toEqual([])
  })

  test('is forgotten when everything is removed, and takes little memory', async () => {
    const { store } = keeping()
    const guarded = guard(store, { maxWrites: 100_000 })
    store.isUp = false
    const owed = Array.from({ length: 20_000 }, (_, i) => guarded.delete(`${i}`))
    await Promise.all(owed)
    store.isUp = true
    const removed = vi.spyOn(store, 'delete')
    await pass(1_000)
    await guarded.get('other')
    await vi.waitFor(() => expect(removed).toHaveBeenCalledTimes(10_000))
    expect(removed).toHaveBeenLastCalledWith('19999')

    store.isUp = false
    await guarded.delete('a')
    store.isUp = true
    removed.mockClear()
    await guarded.clear()
    await guarded.get('other')
    await pass(0)
    expect(removed).not.toHaveBeenCalled()
  })
})

describe('writes to a far store', () => {
  test('are bounded in number; further ones are dropped and told', async () => {
    const store = new ToldStore(false, later(10))
    const guarded = guard(store, { maxWrites: 3 })
    const kept = ['a', 'b', 'c', 'd', 'e'].map((key) => guarded.set(key, itemOf(1), minute))
    await pass(10)
    expect(await Promise.all(kept)).toEqual([true, true, true, false, false])
    expect(types()).toEqual(['dropped', 'dropped'])
    const next = guarded.set('f', itemOf(1), minute)
    await pass(10)
    expect(await next).toBe(true)
  })

  test('are bounded in bytes, but one alone may be of any size', async () => {
    const guarded = guard(new ToldStore(false, later(10)), { maxWriteBytes: 1_000 })
    const kept = [5_000, 1].map((bytes, i) => guarded.set(`a${i}`, itemOf(bytes), minute))
    await pass(10)
    expect(await Promise.all(kept)).toEqual([true, false])
    const small = [400, 600, 1].map((bytes, i) => guarded.set(`b${i}`, itemOf(bytes), minute))
    await pass(10)
    expect(await Promise.all(small)).toEqual([true, true, false])
  })

  test('that hang give their place back', async () => {
    const store = new ToldStore(false, hang)
    const guarded = guard(store, { maxWrites: 2 })
    void guarded.set('a', itemOf(1), minute)
    void guarded.set('b', itemOf(1), minute)
    await pass(2_000)
    store.answer = async () => undefined
    expect(await guarded.set('c', itemOf(1), minute)).toBe(true)
  })

  test('under one key arrive in their order, under others do not wait', async () => {
    const store = new ToldStore(false, later(10))
    const guarded = guard(store)
    const all = [guarded.set('a', itemOf(1), minute), guarded.delete('a'), guarded.set('b', itemOf(1), minute)]
    const seen = () => store.calls.map(([operation, key]) => `${operation} ${key}`)
    expect(seen()).toEqual(['set a', 'set b'])
    await pass(10)
    expect(seen()).toEqual(['set a', 'set b', 'delete a'])
    await pass(10)
    expect(await Promise.all(all)).toEqual([true, true, true])
  })

  test('one that hangs does not keep the next under its key for ever', async () => {
    const store = new ToldStore(false, hang)
    const guarded = guard(store)
    const first = guarded.set('a', itemOf(1), minute)
    const second = guarded.delete('a')
    store.answer = async () => undefined
    await pass(2_000)
    expect(await Promise.all([first, second])).toEqual([false, true])
  })

  test('clear waits for those in flight, so that it removes them too', async () => {
    const store = new ToldStore(false, later(10))
    const guarded = guard(store)
    void guarded.set('a', itemOf(1), minute)
    const cleared = guarded.clear()
    expect(store.calls.length).toBe(1)
    await pass(10)
    expect(store.calls.at(-1)).toEqual(['clear'])
    await pass(10)
    expect(await cleared).toBe(true)
  })
})

describe('a near store', () => {
  const near = (answer?: Answer) => new ToldStore(true, answer)

  test('answers at once', () => {
    const guarded = guard(memoryStore())
    const item = itemOf(1)
    expect(guarded.set('a', item, minute)).toBe(true)
    expect(guarded.get('a')).toBe(item)
    expect(guarded.get('b')).toBeUndefined()
    expect(guarded.delete('a')).toBe(true)
    expect(guarded.get('a')).toBeUndefined()
    expect(guarded.clear()).toBe(true)
    expect(guarded.reserve(100)).toBe(true)
    guarded.release(100)
    expect([guarded.name, guarded.near, events]).toEqual(['memory', true, []])
  })

  test('that throws: a miss, false, and an event for each', () => {
    const guarded = guard(near(throwAtOnce))
    expect(guarded.get('a')).toBeUndefined()
    expect(guarded.set('a', itemOf(1), minute)).toBe(false)
    expect(guarded.delete('a')).toBe(false)
    expect(guarded.clear()).toBe(false)
    expect(guarded.reserve(1)).toBe(false)
    guarded.release(1)
    expect(events.map(({ type, operation }) => `${type} ${operation}`)).toEqual([
      'error get',
      'error set',
      'error delete',
      'error clear',
      'error reserve',
      'error release',
    ])
  })

  test.each(garbage)('that answers with %s: a miss with an event', (_, value) => {
    expect(guard(near(() => value)).get('a')).toBeUndefined()
    expect(types()).toEqual(['error'])
  })

  test('that answers with promises: a miss with an event, and no unhandled rejection', async () => {
    const guarded = guard(near(reject))
    expect(guarded.get('a')).toBeUndefined()
    expect(guarded.set('a', itemOf(1), minute)).toBe(false)
    expect(String(events[0]?.error)).toContain('told says near: true but answered with a promise')
    await pass(1)
  })
})

test.each<[unknown, unknown, string]>([
  [null, {}, 'store must be a Store, not null'],
  [new Map(), {}, 'store must be a Store; it lacks the method reserve'],
  [memoryStore(), { storeTimeout: 0 }, 'storeTimeout must be milliseconds above 0'],
  [memoryStore(), { storeTimeout: Infinity }, 'at most 2147483647, not Infinity'],
  [memoryStore(), { gate: {} }, 'gate must have the method enter, not be {}'],
  [memoryStore(), { onEvent: 5 }, 'onEvent must be a function, not 5'],
  [memoryStore(), { timeout: 5 }, "guardStore has no option 'timeout'"],
])('guardStore refuses %o with %o', (store, options, message) => {
  expect(() => guardStore(store as Store, options as StoreGuardOptions)).toThrow(message)
})
