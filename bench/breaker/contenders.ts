import { BreakerRegistry, CircuitBreaker } from '../../dist/index.js'

/** One way to guard a call. */
export interface Contender {
  readonly name: string
  /** Calls an async function that has its result at once. */
  call(): Promise<unknown>
  /** The same through an open circuit: rejects. */
  readonly refuse?: () => Promise<unknown>
  /** Makes a breaker that has been called once, for counting its bytes. */
  readonly create?: (index: number) => Promise<unknown>
}

const upstream = async (): Promise<number> => 1
const fails = async (): Promise<number> => {
  throw new Error('lost')
}

export async function contenders(): Promise<Contender[]> {
  return [bare, await ours(), ...(await cockatiel()), ...(await opossum())]
}

const bare: Contender = { name: 'no breaker', call: async () => await upstream() }

async function ours(): Promise<Contender> {
  const options = { slowCallRate: 0.5, slowCallDuration: 1_000 }
  const breaker = new CircuitBreaker(options)
  const open = new CircuitBreaker({ ...options, consecutiveFailures: 1, openDuration: 3_600_000 })
  await open.execute(fails).catch(() => {})
  const registry = new BreakerRegistry({ ...options, maxBreakers: 100_000 })
  return {
    name: 'breakwater',
    call: () => breaker.execute(upstream),
    refuse: () => open.execute(upstream),
    create: async (index) => {
      const breaker = registry.of(`key ${index}`)
      await breaker.execute(upstream)
      return breaker
    },
  }
}

async function cockatiel(): Promise<Contender[]> {
  const { circuitBreaker, ConsecutiveBreaker, handleAll, SamplingBreaker } = await import('cockatiel')
  const sampling = () =>
    circuitBreaker(handleAll, {
      halfOpenAfter: 5_000,
      breaker: new SamplingBreaker({ threshold: 0.5, duration: 10_000, minimumRps: 2 }),
    })
  const breaker = sampling()
  const open = circuitBreaker(handleAll, { halfOpenAfter: 3_600_000, breaker: new ConsecutiveBreaker(1) })
  await open.execute(fails).catch(() => {})
  const create = async (): Promise<unknown> => {
    const breaker = sampling()
    await breaker.execute(upstream)
    return breaker
  }
  return [
    {
      name: 'cockatiel, sampling',
      call: () => breaker.execute(upstream),
      refuse: () => open.execute(upstream),
      create,
    },
  ]
}

async function opossum(): Promise<Contender[]> {
  const { default: Opossum } = await import('opossum')
  const breaker = new Opossum(upstream, { timeout: false })
  const open = new Opossum(upstream, { timeout: false, resetTimeout: 3_600_000 })
  open.open()
  const create = async (): Promise<unknown> => {
    const breaker = new Opossum(upstream, { timeout: false })
    await breaker.fire()
    return breaker
  }
  return [{ name: 'opossum, timeout: false', call: () => breaker.fire(), refuse: () => open.fire(), create }]
}
