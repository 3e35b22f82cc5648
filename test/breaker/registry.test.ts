import { subscribe, unsubscribe } from 'node:diagnostics_channel'
import { describe, expect, onTestFinished, test } from 'vitest'
import { watchRegistry } from '../../src/core/breaker/registry.ts'
import { BreakerRegistry } from '../../src/index.ts'
import { HeldClock } from '../store/held-clock.ts'

const clock = new HeldClock()
const settings = { clock, consecutiveFailures: 1, minimumThroughput: 1_000, jitter: 0 }

describe('a registry', () => {
  test('gives the same breaker for the same key, named by it', () => {
    const registry = new BreakerRegistry(settings)
    const breaker = registry.of('https://a')
    expect(registry.of('https://a')).toBe(breaker)
    expect([registry.get('https://a'), registry.get('https://b')]).toEqual([breaker, undefined])
    expect(registry.list().map(({ name }) => name)).toEqual(['https://a'])
  })

  test('drops an idle breaker for a new key, never one with something to remember', () => {
    const registry = new BreakerRegistry({ ...settings, maxBreakers: 5 })
    registry.of('open').enter().fail()
    registry.of('isolated').isolate()
    registry.of('busy').enter()
    registry.of('idle').enter().succeed()
    const recovered = registry.of('recovered')
    recovered.enter().fail()
    clock.pass(5_000)
    recovered.enter().succeed()
    for (let i = 0; i < 200; i++) registry.of(`new ${i}`).enter().succeed()
    expect(registry.list().map(({ name }) => name)).toEqual(['open', 'isolated', 'busy', 'recovered', 'new 199'])
    expect(registry.size).toBe(5)
  })

  test('never drops a circuit that is open, however long nobody has asked for it', () => {
    const registry = new BreakerRegistry({ ...settings, maxBreakers: 1 })
    registry.of('open').enter().fail()
    clock.pass(365 * 24 * 3_600_000)
    registry.of('new')
    expect(registry.list().map(({ name }) => name)).toEqual(['open'])
  })

  test('told when to forget, drops a circuit that is open and that nobody has asked for since its period', () => {
    const registry = new BreakerRegistry({ ...settings, maxBreakers: 1, openDuration: 5_000, forgetOpenAfter: 60_000 })
    registry.of('gone').enter().fail()
    clock.pass(64_999)
    registry.of('new')
    expect(registry.get('gone')?.state).toBe('open')
    clock.pass(1)
    registry.of('new')
    expect(registry.list().map(({ name }) => name)).toEqual(['new'])
  })

  test('told when to forget, drops a circuit whose probe was broken off, and that nobody has asked for since', () => {
    const registry = new BreakerRegistry({ ...settings, maxBreakers: 1, openDuration: 5_000, forgetOpenAfter: 60_000 })
    const gone = registry.of('gone')
    gone.enter().fail()
    clock.pass(30_000)
    gone.enter().release()
    clock.pass(59_999)
    registry.of('new')
    expect(registry.get('gone')?.state).toBe('half-open')
    clock.pass(1)
    registry.of('new')
    expect(registry.list().map(({ name }) => name)).toEqual(['new'])
  })

  test('without room for a key lets its calls through, whatever they end with', () => {
    const registry = new BreakerRegistry({ ...settings, maxBreakers: 1, maxConcurrent: 1 })
    registry.of('open').enter().fail()
    const breaker = registry.of('new')
    for (let i = 0; i < 9; i++) breaker.enter()
    for (let i = 0; i < 9; i++) breaker.enter().fail()
    expect([breaker.state, registry.size, registry.get('new')]).toEqual(['closed', 1, undefined])
    clock.pass(60_000)
    registry.of('open').enter().succeed()
    clock.pass(60_000)
    expect(registry.of('new').name).toBe('new')
  })

  test('tells of breakers that it makes and drops, and of keys without room', () => {
    const told: unknown[] = []
    const hear = (message: unknown): void => void told.push(message)
    subscribe('breakwater:breaker:registry', hear)
    onTestFinished(() => void unsubscribe('breakwater:breaker:registry', hear))
    const registry = new BreakerRegistry({ ...settings, maxBreakers: 1 })
    registry.of('a')
    registry.of('b').enter()
    registry.of('c')
    expect(told).toEqual([
      { change: 'created', breaker: 'a', size: 1 },
      { change: 'evicted', breaker: 'a', size: 0 },
      { change: 'created', breaker: 'b', size: 1 },
      { change: 'unlisted', breaker: 'c', size: 1 },
    ])
  })

  test('a watcher hears of all that there are, come and go', () => {
    const registry = new BreakerRegistry({ ...settings, maxBreakers: 1 })
    registry.of('a')
    const heard: string[] = []
    watchRegistry(registry, {
      created: ({ name }) => heard.push(`+${name}`),
      evicted: ({ name }) => heard.push(`-${name}`),
    })
    registry.of('b')
    expect(heard).toEqual(['+a', '-a', '+b'])
  })

  test.each<[Record<string, unknown>, typeof TypeError | typeof RangeError, string]>([
    [{ maxBreakers: 0 }, RangeError, '0'],
    [{ forgetOpenAfter: 0 }, RangeError, '0'],
    [{ name: 'a' }, TypeError, "'name'"],
    [{ failureRate: 2 }, RangeError, '2'],
  ])('refuses %o', (options, type, quoted) => {
    expect(() => new BreakerRegistry(options)).toThrow(type)
    expect(() => new BreakerRegistry(options)).toThrow(quoted)
  })
})
