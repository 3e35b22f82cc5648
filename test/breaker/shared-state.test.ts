import { subscribe, unsubscribe } from 'node:diagnostics_channel'
import Keyv from 'keyv'
import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest'
import { capabilitiesOf } from '../../src/core/store/local-capabilities.ts'
import {
  BreakerRegistry,
  type BreakerRegistryOptions,
  type CircuitBreaker,
  CircuitOpenError,
  memoryStore,
  type Permit,
} from '../../src/index.ts'
import { SimulatedClient, SimulatedServer } from './simulated-store.ts'

const steady = { consecutiveFailures: 1, minimumThroughput: 1_000, jitter: 0, openDuration: 1_000 }

describe('options', () => {
  test.each<[Record<string, unknown>, typeof TypeError | typeof RangeError, string]>([
    [{ store: {} }, TypeError, '{}'],
    [{ store: new Map() }, TypeError, 'Map'],
    [{ sharing: 'all' }, TypeError, "'all'"],
    [{ storeTimeout: 0 }, RangeError, '0'],
    [{ namespace: '' }, TypeError, "''"],
  ])('refuses %o', (options, type, quoted) => {
    expect(() => new BreakerRegistry(options as BreakerRegistryOptions)).toThrow(type)
    expect(() => new BreakerRegistry(options as BreakerRegistryOptions)).toThrow(quoted)
  })

  test('without a store nothing is shared, and there is nothing to end', async () => {
    const registry = new BreakerRegistry({ sharing: 'hint' })
    expect([registry.mode, registry.of('a').status().mode]).toEqual([undefined, undefined])
    await registry.close()
  })

  test.each([
    ['atomic', memoryStore()],
    ['settled', new Keyv()],
  ] as const)('the mode is there to see: %s', async (mode, store) => {
    await using registry = new BreakerRegistry({ store })
    expect([registry.mode, registry.of('a').mode, registry.of('a').status().mode]).toEqual([mode, mode, mode])
  })

  test('namespaces know nothing of each other', async () => {
    const store = memoryStore()
    await using one = new BreakerRegistry({ ...steady, store, namespace: 'one' })
    await using two = new BreakerRegistry({ ...steady, store, namespace: 'two' })
    await using three = new BreakerRegistry({ ...steady, store, namespace: 'one' })
    one.of('a').isolate()
    await vi.waitFor(() => expect(three.of('a').override).toBe('isolated'))
    expect(two.of('a').override).toBe(undefined)
  })
})

const NOTHING = Buffer.alloc(0)

function canEnter(breaker: CircuitBreaker): boolean {
  try {
    breaker.enter().succeed()
    return true
  } catch {
    return false
  }
}

function permitOf(breaker: CircuitBreaker): Permit | undefined {
  try {
    return breaker.enter()
  } catch {
    return undefined
  }
}

/** By the Date that is faked. */
const fakedClock = { now: () => Date.now(), monotonic: () => Date.now() }

describe('with a store that is', () => {
  let server: SimulatedServer
  let registries: BreakerRegistry[]
  let reads: number
  let renewals: number
  let isReadOnly: boolean

  const start = (
    options: BreakerRegistryOptions = {},
    latency = 2,
  ): { registry: BreakerRegistry; client: SimulatedClient } => {
    const client = new SimulatedClient(server, () => latency)
    const store = client.store(true)
    const { read, setIfAbsent, compareAndSwap: swap } = store.capabilities ?? {}
    const counted = {
      ...store.capabilities,
      read: (key: string) => {
        reads++
        return read?.(key)
      },
      setIfAbsent: (...of: Parameters<NonNullable<typeof setIfAbsent>>) =>
        isReadOnly ? Promise.reject(new Error('read only')) : setIfAbsent?.(...of),
      compareAndSwap: (...of: Parameters<NonNullable<typeof swap>>) => {
        if (of[1].equals(of[2] ?? NOTHING)) renewals++
        return isReadOnly ? Promise.reject(new Error('read only')) : swap?.(...of)
      },
    }
    const registry = new BreakerRegistry({
      ...steady,
      clock: fakedClock,
      store: { ...store, capabilities: counted } as typeof store,
      ...options,
    })
    registries.push(registry)
    return { registry, client }
  }
  const pass = (ms: number) => vi.advanceTimersByTimeAsync(ms)

  beforeEach(() => {
    vi.useFakeTimers({
      toFake: ['setTimeout', 'clearTimeout', 'setImmediate', 'clearImmediate', 'Date'],
    })
    server = new SimulatedServer()
    registries = []
    reads = 0
    renewals = 0
    isReadOnly = false
  })
  afterEach(async () => {
    const closing = Promise.all(registries.map((registry) => registry.close()))
    await pass(5_000)
    await closing
    vi.useRealTimers()
  })

  test('idle, it is read every 5 s; while anything is open, every second', async () => {
    const { registry } = start()
    registry.of('a')
    await pass(20_500)
    expect(reads).toBe(5)
    registry.of('a').enter().fail()
    await pass(100)
    reads = 0
    await pass(5_000)
    expect(reads).toBe(5)
  })

  test('however many breakers there are, it is one reading; however many open at once, few writings', async () => {
    const { registry } = start()
    const other = start()
    for (let i = 0; i < 3_000; i++) registry.of(`b${i}`)
    for (let i = 0; i < 900; i++) registry.of(`b${i}`).enter().fail()
    await pass(1_000)
    expect(reads).toBeLessThan(10)
    await pass(5_000)
    for (let i = 0; i < 900; i++) expect(other.registry.of(`b${i}`).state).toBe('open')
    expect(other.registry.of('b900').state).toBe('closed')
  })

  test('however many may be probed at once, what is open is read a few times', async () => {
    const { registry } = start()
    const breakers = Array.from({ length: 900 }, (_, i) => registry.of(`b${i}`))
    for (const breaker of breakers) breaker.enter().fail()
    await pass(2_000)
    reads = 0
    breakers.map(canEnter)
    await pass(50)
    expect(breakers.filter(canEnter)).toHaveLength(900)
    expect(reads).toBeLessThan(10)
  })

  test.each(['refused', 'hung', 'lost'] as const)(
    '%s, each goes on alone, says so, and shares again when it is back',
    async (fault) => {
      const told: unknown[] = []
      const listener = (message: unknown): void => void told.push(message)
      subscribe('breakwater:breaker:mode', listener)
      const one = start()
      const two = start()
      const [a, b] = [one.registry.of('a'), two.registry.of('a')]
      await pass(100)
      one.client.fault = fault
      two.client.fault = fault
      a.enter().fail()
      await pass(900)
      expect(() => a.enter()).toThrow('open')
      await pass(10_000)
      expect([one.registry.mode, a.status().mode, two.registry.mode]).toEqual(['local', 'local', 'local'])
      expect(told).toContainEqual({
        store: 'simulated',
        namespace: 'default',
        from: 'atomic',
        to: 'local',
        failures: 3,
        reason: fault === 'refused' ? 'refused' : 'The store simulated did not answer within 100 ms',
      })
      // Nobody has to be asked.
      a.enter().fail()
      expect([a.state, b.state]).toEqual(['open', 'closed'])

      one.client.fault = 'none'
      two.client.fault = 'none'
      await pass(31_000)
      expect([one.registry.mode, two.registry.mode]).toEqual(['atomic', 'atomic'])
      expect(told.at(-1)).toMatchObject({ from: 'local', to: 'atomic', failures: 0, reason: undefined })
      a.reset()
      a.enter().fail()
      await pass(100)
      await pass(5_000)
      expect([a.state, b.state]).toEqual(['open', 'open'])
      unsubscribe('breakwater:breaker:mode', listener)
    },
  )

  /** Two processes with one circuit, whose period is over. */
  const openBoth = async (): Promise<CircuitBreaker[]> => {
    const one = start().registry.of('a')
    one.enter().fail()
    await pass(100)
    const two = start().registry.of('a')
    await pass(1_000)
    expect([one.state, two.state]).toEqual(['open', 'open'])
    return [one, two]
  }
  /** Calls in both every 20 ms; who was let through. */
  const callBoth = async (breakers: readonly CircuitBreaker[], ms: number, end: (probe: Permit) => void = () => {}) => {
    const probers: number[] = []
    for (let passed = 0; passed < ms; passed += 20) {
      breakers.forEach((breaker, index) => {
        try {
          const permit = breaker.enter()
          probers.push(index)
          end(permit)
        } catch (error) {
          expect(error).toBeInstanceOf(CircuitOpenError)
        }
      })
      await pass(20)
    }
    return probers
  }

  test('slow to show whether the upstream is back: nobody else probes until the probe has had its time', async () => {
    const breakers = await openBoth()
    expect(await callBoth(breakers, 9_900)).toHaveLength(1)
    await pass(2_000)
    expect(breakers.map(({ state, attempt }) => [state, attempt])).toEqual([
      ['open', 2],
      ['open', 2],
    ])
  })

  test('out of reach for one: the probe that failed by its own network is followed by one of another', async () => {
    const breakers = await openBoth()
    const reset = Object.assign(new Error('reset'), { code: 'ECONNRESET' })
    const probers = await callBoth(breakers, 8_000, (probe) => probe.fail(reset))
    expect(probers).toEqual([0, 1, 0])
  })

  test.each([2_500, 4_000, 30_000, 15 * 60_000, 3 * 60 * 60_000])(
    'called every %d ms by each of two: a probe goes at the third call at the latest',
    async (every) => {
      const breakers = await openBoth()
      const probes: Permit[] = []
      for (let calls = 0; calls < 3 && probes.length === 0; calls++) {
        for (const breaker of breakers) {
          if (breaker.state !== 'open') continue
          try {
            probes.push(breaker.enter())
          } catch (error) {
            expect(error).toBeInstanceOf(CircuitOpenError)
          }
          await pass(every / 2)
        }
      }
      expect(probes.map(({ kind }) => kind)).toEqual(['probe'])
    },
  )

  /** Calls every so many ms until one is the probe; how many it took. */
  const callsUntilProbe = async (breaker: CircuitBreaker, every: number): Promise<number> => {
    for (let calls = 1; calls <= 200; calls++) {
      try {
        const permit = breaker.enter()
        expect(permit.kind).toBe('probe')
        permit.fail()
        return calls
      } catch (error) {
        expect(error).toBeInstanceOf(CircuitOpenError)
      }
      await pass(every)
    }
    return Infinity
  }

  test.each([700, 1_500, 2_500, 4_000])(
    'called every %d ms after a long time without a call: a probe goes at the third call at the latest',
    async (every) => {
      const breaker = start().registry.of('a')
      breaker.enter().fail()
      for (let offset = 0; offset < 5_000; offset += 450) {
        await pass(120_000 + offset)
        expect(await callsUntilProbe(breaker, every)).toBeLessThanOrEqual(3)
      }
    },
  )

  test.each([20, 1_500, 30_000])(
    'full, so that it can be read and nothing can be written: called every %d ms, who only heard of it probes alone',
    async (every) => {
      const [one, two] = [start(), start()]
      one.registry.of('a').enter().fail()
      await pass(6_000)
      const breaker = two.registry.of('a')
      expect(breaker.state).toBe('open')
      isReadOnly = true
      expect(await callsUntilProbe(breaker, every)).toBeLessThanOrEqual(20)
      await pass(5_000)
      expect(two.registry.mode).toBe('local')
      isReadOnly = false
      await pass(20_000)
      expect(two.registry.mode).toBe('atomic')
      const probers = await callBoth([one.registry.of('a'), breaker], 5_000)
      expect(probers).toHaveLength(1)
    },
  )

  test.each([
    [250, { jitter: 1, storeTimeout: 1_000 }],
    [450, { openDuration: 500, storeTimeout: 500 }],
    [900, { storeTimeout: 1_000 }],
    [1_350, { openDuration: 5_000, storeTimeout: 1_500 }],
  ])('slow, %d ms for each call, which with %o is in time: there is a probe all the same', async (latency, options) => {
    const breaker = start(options, latency).registry.of('a')
    await pass(10_000)
    breaker.enter().fail()
    await pass(20_000)
    expect(await callsUntilProbe(breaker, 100)).toBeLessThan(200)
    await pass(60_000)
    expect(await callsUntilProbe(breaker, 7_000)).toBeLessThanOrEqual(5)
  })

  test('out of reach for a prober until another probes for the next opening: the first probe decides nothing', async () => {
    const [one, two] = [start({ probeTimeout: 60_000 }), start({ probeTimeout: 60_000 })]
    const [a, b] = [one.registry.of('a'), two.registry.of('a')]
    a.enter().fail()
    await pass(6_000)
    expect(permitOf(a)).toBe(undefined)
    await pass(50)
    const first = permitOf(a)
    expect(first?.kind).toBe('probe')
    await pass(2_000)
    one.client.fault = 'refused'
    await pass(6_000)
    expect(await callsUntilProbe(b, 100)).toBeLessThan(20)
    await pass(2_000)
    expect(permitOf(b)).toBe(undefined)
    await pass(50)
    const second = permitOf(b)
    expect(second?.kind).toBe('probe')
    one.client.fault = 'none'
    await pass(10_000)
    expect([a.state, b.state]).toEqual(['half-open', 'half-open'])
    first?.succeed()
    expect(a.state).toBe('half-open')
    second?.succeed()
    await pass(6_000)
    expect([a.state, b.state]).toEqual(['closed', 'closed'])
  })

  test('called seldom by one that calls no more: another probes after twice the time between its calls', async () => {
    const [gone, other] = (await openBoth()) as [CircuitBreaker, CircuitBreaker]
    expect(canEnter(gone)).toBe(false)
    await pass(20_000)
    expect(canEnter(gone)).toBe(false)
    await pass(100)
    let waited = 100
    while (!canEnter(other)) {
      await pass(500)
      waited += 500
      expect(waited).toBeLessThan(60_000)
    }
    expect(waited).toBeGreaterThan(40_000)
  })

  test('called every few hours by one: another that is called often does not wait for that', async () => {
    const [seldom, often] = (await openBoth()) as [CircuitBreaker, CircuitBreaker]
    expect(canEnter(seldom)).toBe(false)
    await pass(6 * 3_600_000)
    expect(canEnter(seldom)).toBe(false)
    await pass(1_000)
    const calls = await callsUntilProbe(often, 500)
    expect(calls).toBeGreaterThan(100)
    expect(calls).toBeLessThan(200)
  })

  test('called seldom, a probe that succeeds is the end of its claim', async () => {
    const breaker = start().registry.of('a')
    breaker.enter().fail()
    await pass(60_000)
    for (let calls = 0; calls < 2; calls++) {
      expect(canEnter(breaker)).toBe(false)
      await pass(600_000)
    }
    expect(renewals).toBeGreaterThan(100)
    expect([canEnter(breaker), breaker.state]).toEqual([true, 'closed'])
    await pass(6_000)
    reads = renewals = 0
    await pass(60_000)
    expect([reads, renewals]).toEqual([12, 0])
  })

  test('called seldom for a thousand upstreams that are gone, it is told of a hundred claims a second at most', async () => {
    const { registry } = start()
    const breakers = Array.from({ length: 1_000 }, (_, i) => registry.of(`host ${i}`))
    const callAll = (): number => breakers.filter((breaker) => canEnter(breaker)).length
    for (const breaker of breakers) breaker.enter().fail()
    await pass(2_000)
    callAll()
    await pass(20_000)
    callAll()
    await pass(1_000)
    renewals = 0
    await pass(10_000)
    expect(renewals).toBeGreaterThan(100)
    expect(renewals).toBeLessThanOrEqual(1_000)
    await pass(9_000)
    expect(callAll()).toBe(100)
  })

  test('called seldom, and hung for hours: what is kept there makes no further calls that never end', async () => {
    const { registry, client } = start()
    const breakers = Array.from({ length: 100 }, (_, i) => registry.of(`host ${i}`))
    for (const breaker of breakers) breaker.enter().fail()
    await pass(2_000)
    breakers.map(canEnter)
    await pass(2 * 3_600_000)
    breakers.map(canEnter)
    await pass(2_000)
    client.fault = 'hung'
    renewals = 0
    await pass(3_600_000)
    expect(registry.mode).toBe('local')
    expect(renewals).toBeLessThan(1_000)
  })

  test('what is open when everything stops is not open for those who start long after', async () => {
    const { registry } = start()
    registry.of('a').enter().fail()
    await pass(100)
    await registry.close()
    await pass(12_000)
    const later = start().registry.of('a')
    await pass(100)
    expect(later.state).toBe('closed')
    expect(later.enter().kind).toBe('call')
  })

  test('shared with one whose clock is of another day: they do not chase each other', async () => {
    const kept = memoryStore()
    const capabilities = capabilitiesOf(kept)
    let writes = 0
    const counting = {
      scope: 'cluster',
      read: (key: string) => capabilities.read(key),
      setIfAbsent: (...of: Parameters<typeof capabilities.setIfAbsent>) => capabilities.setIfAbsent(...of),
      compareAndSwap: (...of: Parameters<typeof capabilities.compareAndSwap>) => {
        writes++
        return capabilities.compareAndSwap(...of)
      },
      publish: (...of: [string, string]) => capabilities.publish?.(...of),
      subscribe: (...of: Parameters<NonNullable<typeof capabilities.subscribe>>) => capabilities.subscribe?.(...of),
    }
    const store = { ...new SimulatedClient(server, () => 2).store(false), capabilities: counting } as never
    const monotonic = (): number => Date.now()
    const options = { ...steady, openDuration: 60_000, store }
    const one = new BreakerRegistry({ ...options, clock: { now: () => Date.now(), monotonic } })
    const other = new BreakerRegistry({ ...options, clock: { now: () => Date.now() + 25 * 3_600_000, monotonic } })
    registries.push(one, other)
    await pass(100)
    one.of('a').enter().fail()
    other.of('b').enter().fail()
    await pass(10_000)
    expect(writes).toBeLessThan(40)
  })

  test('read for the first time: a reset of long ago closes nothing that opened since', async () => {
    const { registry } = start()
    registry.of('a').isolate()
    registry.of('a').reset()
    await pass(1_000)
    await registry.close()
    const breaker = start().registry.of('a')
    breaker.enter().fail(Object.assign(new Error('refused'), { code: 'ECONNREFUSED' }))
    await pass(100)
    expect([breaker.state, breaker.generation]).toEqual(['open', 1])
  })

  test('read now and then: a reset by who has not heard of an opening yet undoes it', async () => {
    const [a, b] = [start().registry.of('a'), start().registry.of('a')]
    await pass(100)
    a.enter().fail()
    await pass(500)
    expect([a.state, b.state]).toEqual(['open', 'closed'])
    b.reset()
    await pass(6_000)
    expect([a.state, b.state]).toEqual(['closed', 'closed'])
  })

  test('refusing: that is known soon, however long an answer may take', async () => {
    const client = new SimulatedClient(server, () => 2)
    client.fault = 'refused'
    const registry = new BreakerRegistry({ store: client.store(true), storeTimeout: 10_000, clock: fakedClock })
    registries.push(registry)
    await pass(1_500)
    expect(registry.mode).toBe('local')
  })

  test('closed, it does not wait for a store that does not end its messages', async () => {
    const store = new SimulatedClient(server, () => 2).store(true)
    const subscribe = async () => () => new Promise<void>(() => {})
    const capabilities = { ...store.capabilities, publish: async () => {}, subscribe }
    const registry = new BreakerRegistry({ ...steady, store: { ...store, capabilities } as typeof store })
    await pass(100)
    let isClosed = false
    void registry.close().then(() => {
      isClosed = true
    })
    await pass(200)
    expect(isClosed).toBe(true)
  })

  test('closed, a registry takes in nothing more, not even what it asked for before', async () => {
    const [one, two] = [start(), start()]
    const [a, b] = [one.registry.of('a'), two.registry.of('a')]
    a.enter().fail()
    await pass(5_100)
    expect(b.state).toBe('open')
    one.client.fault = 'slow'
    expect(() => a.enter()).toThrow('open')
    const closing = one.registry.close()
    two.registry.of('a').reset()
    await pass(1_000)
    await closing
    expect([a.state, b.state]).toEqual(['open', 'closed'])
  })

  test('closed, a registry stores what it still has to say, and goes on for itself', async () => {
    const { registry } = start()
    const breaker = registry.of('a')
    breaker.enter().fail()
    const closing = registry.close()
    await pass(100)
    await closing
    reads = 0
    await pass(1_000)
    expect(breaker.enter().kind).toBe('probe')
    await pass(60_000)
    expect(reads).toBe(0)
    expect([registry.of('b').mode, breaker.mode]).toEqual([undefined, undefined])
    const other = start().registry.of('a')
    await pass(100)
    expect(other.generation).toBe(0)
  })
})
