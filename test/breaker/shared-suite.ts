/** What holds for registries that share a store, whatever store it is. */
import { setTimeout as pause } from 'node:timers/promises'
import { afterAll, expect, onTestFinished, test, vi } from 'vitest'
import type { BreakerRegistryOptions } from '../../src/core/breaker/registry.ts'
import { BreakerRegistry, type CircuitBreaker, type KeyvLike, type Permit, type Store } from '../../src/index.ts'

type Sharing = Pick<BreakerRegistryOptions, 'sharing' | 'openDuration' | 'namespace'>

/** What a reading may take where nothing is pushed, and what a busy machine adds, ms. */
const patience = { timeout: 20_000, interval: 20 }
const local = Object.assign(new Error('no way there'), { code: 'ECONNREFUSED' })

let names = 0

/** `open` gives a store of one more process. Tests run at the same time: each has names of its own. */
export function describeSharing(mode: 'atomic' | 'settled', open: () => Store | KeyvLike): void {
  vi.setConfig({ testTimeout: 60_000 })
  const opened: BreakerRegistry[] = []
  afterAll(() => Promise.all(opened.map((registry) => registry.close())))

  const start = (options: Sharing): BreakerRegistry => {
    const registry = new BreakerRegistry({
      store: open(),
      // A claim of the settled mode takes twice as long at least.
      storeTimeout: mode === 'settled' ? 500 : 2_000,
      consecutiveFailures: 2,
      minimumThroughput: Infinity,
      jitter: 0,
      openDuration: 400,
      ...options,
    })
    opened.push(registry)
    return registry
  }
  /** As many processes, which have looked at the store already. */
  const fleet = async (count: number, options: Sharing = {}) => {
    const namespace = `fleet ${++names}`
    const registries = Array.from({ length: count }, () => start({ namespace, ...options }))
    onTestFinished(() => void Promise.all(registries.map((registry) => registry.close())))
    const breakers = registries.map((registry) => registry.of('upstream'))
    return { namespace, registries, breakers: breakers as [CircuitBreaker, CircuitBreaker, CircuitBreaker] }
  }
  const inState = (breakers: readonly CircuitBreaker[], state: string) =>
    eventually(() => expect(breakers.map((breaker) => breaker.state)).toEqual(breakers.map(() => state)))

  test.concurrent('an opening that the upstream caused opens all, for the same time', async () => {
    const { breakers } = await fleet(3, { openDuration: 60_000 })
    const [one, ...others] = breakers
    fail(one)
    await inState(others, 'open')
    for (const other of others) {
      expect(other).toMatchObject({ attempt: 1, generation: one.generation, mode })
      expect(Math.abs((other.nextProbe ?? 0) - (one.nextProbe ?? 0))).toBeLessThan(50)
    }
  })

  test.concurrent('an opening that a network caused is a hint: the first failure opens, and goes no further', async () => {
    const { breakers } = await fleet(3, { openDuration: 60_000 })
    const [one, two, three] = breakers
    fail(one, local)
    await untilHinted(two)
    await pause(1_500)
    expect(three.state).toBe('closed')
  })

  test.concurrent('one probes for all, and its success closes all', async () => {
    const { breakers } = await fleet(3)
    fail(breakers[0])
    await inState(breakers, 'open')
    const probes = await probesUntilOneIs(breakers)
    expect(probes).toHaveLength(1)
    const closing = inState(breakers, 'closed')
    probes[0]?.succeed()
    await closing
  })

  test.concurrent('its failure opens all again, for longer, and again one probes', async () => {
    const { breakers } = await fleet(3)
    fail(breakers[0])
    await inState(breakers, 'open')
    for (const attempt of [2, 3]) {
      const probes = await probesUntilOneIs(breakers)
      expect(probes).toHaveLength(1)
      probes[0]?.fail(new Error('still down'))
      await eventually(() => expect(breakers.map((breaker) => breaker.attempt)).toEqual([attempt, attempt, attempt]))
    }
  })

  test.concurrent('another takes over from a prober that is gone', async () => {
    const { breakers, registries } = await fleet(3)
    fail(breakers[0])
    await inState(breakers, 'open')
    const [probe] = await probesUntilOneIs(breakers)
    const prober = breakers.findIndex((breaker) => breaker.generation === probe?.generation)
    await registries[prober]?.close()
    const left = breakers.filter((_, index) => index !== prober)
    const [second] = await probesUntilOneIs(left)
    second?.succeed()
    await inState(left, 'closed')
  })

  test.concurrent('what an operator says holds everywhere, for those who come later too, until it is taken back', async () => {
    const { breakers, registries, namespace } = await fleet(2)
    const [one, two] = breakers
    const have = (all: CircuitBreaker[], override: string | undefined) =>
      eventually(() => expect(all.map((breaker) => breaker.override)).toEqual(all.map(() => override)))
    one.isolate()
    await have([one, two], 'isolated')
    await Promise.all(registries.map((registry) => registry.close()))

    const restarted = start({ namespace })
    const three = restarted.of('upstream')
    await have([three], 'isolated')
    const four = start({ namespace }).of('upstream')
    four.forceClosed()
    await have([three, four], 'forced-closed')
    three.reset()
    await have([three, four], undefined)
  })

  test.concurrent('a reset closes what is open in all', async () => {
    const { breakers } = await fleet(2, { openDuration: 60_000 })
    fail(breakers[0])
    await inState(breakers.slice(0, 2), 'open')
    breakers[1].reset()
    await inState(breakers.slice(0, 2), 'closed')
  })

  test.concurrent('who comes later knows what is open', async () => {
    const { breakers, registries, namespace } = await fleet(1, { openDuration: 60_000 })
    fail(breakers[0])
    await registries[0]?.close()
    await inState([start({ namespace, openDuration: 60_000 }).of('upstream')], 'open')
  })

  test.concurrent('with hints alone nothing is adopted, and each probes for itself', async () => {
    const { breakers } = await fleet(2, { sharing: 'hint', openDuration: 6_000 })
    const [one, two] = breakers
    fail(one)
    await untilHinted(two)
    await pause(Math.max(0, (one.nextProbe ?? 0) - Date.now()) + 20)
    expect(one.enter().kind).toBe('probe')
  })

  test.concurrent('switched off, only commands are shared', async () => {
    const { breakers } = await fleet(2, { sharing: 'off', openDuration: 60_000 })
    const [one, two] = breakers
    fail(one)
    await pause(50)
    two.isolate()
    await eventually(() => expect(one.override).toBe('isolated'))
    expect(two.state).toBe('closed')
  })
}

function eventually(holds: () => void): Promise<void> {
  return vi.waitFor(holds, patience)
}

/** Calls of which every other one fails, which opens nothing without a hint. */
async function untilHinted(breaker: CircuitBreaker): Promise<void> {
  while (breaker.state === 'closed') {
    breaker.enter().fail(new Error('once'))
    if (breaker.state === 'closed') breaker.enter().succeed()
    await pause(20)
  }
}

function fail(breaker: CircuitBreaker, reason: Error = new Error('503')): void {
  for (let i = 0; i < 2; i++) breaker.enter().fail(reason)
}

/** Calls through all of them until one is let through, and for a while longer. */
async function probesUntilOneIs(breakers: readonly CircuitBreaker[]): Promise<Permit[]> {
  const probes: Permit[] = []
  for (let longer = 0; longer < 15; longer += probes.length > 0 ? 1 : 0) {
    for (const breaker of breakers) {
      try {
        const permit = breaker.enter()
        expect(permit.kind).toBe('probe')
        probes.push(permit)
      } catch (error) {
        if ((error as { code?: unknown }).code !== 'CIRCUIT_OPEN') throw error
      }
    }
    await pause(20)
  }
  return probes
}
