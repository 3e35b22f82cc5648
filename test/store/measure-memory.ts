/**
 * What unique 2 KB keys do to a memory store of 64 MiB: `node --expose-gc test/store/measure-memory.ts [s3-fifo|lru|lfu|ttl]
 * [keys]`. Retained bytes are what is left after a collection; resident ones hold what V8 keeps for itself too, which
 * goes on growing for the first million keys in any program that makes as many Buffers.
 */
import { argv } from 'node:process'
import { type MemoryStore, type MemoryStoreOptions, memoryStore } from '../../src/core/store/memory.ts'

export interface Reading {
  readonly keys: number
  /** CPU of the stores since the last reading, ms. */
  readonly cpu: number
  readonly resident: number
  /** Heap and array buffers after a collection. */
  readonly retained: number
  readonly largestSize: number
}

/** Stores items under `keys` unique keys and reads the memory after every `every` of them. */
export function* fill(store: MemoryStore, keys: number, every: number, collect: () => void): Generator<Reading> {
  let largestSize = 0
  let start = process.cpuUsage()
  for (let i = 1; i <= keys; i++) {
    store.set(`GET https://example.org/products/${i}`, { meta: metaOf(i), body: Buffer.allocUnsafeSlow(2048) }, 600_000)
    largestSize = Math.max(largestSize, store.size)
    if (i % every !== 0) continue
    const cpu = process.cpuUsage(start).user / 1000
    const resident = process.memoryUsage.rss()
    // The second collection waits until the Buffers of the first are freed.
    collect()
    collect()
    const { heapUsed, arrayBuffers } = process.memoryUsage()
    yield { keys: i, cpu, resident, retained: heapUsed + arrayBuffers, largestSize }
    start = process.cpuUsage()
  }
}

/** Bytes a key by which a reading grew between the first and the last. */
export function slope(readings: readonly Reading[], of: 'resident' | 'retained'): number {
  const first = readings[0]!
  const last = readings.at(-1)!
  return (last[of] - first[of]) / (last.keys - first.keys)
}

function metaOf(i: number): object {
  const lines = ['Content-Type', 'application/json; charset=utf-8', 'ETag', `"${i}"`, 'Cache-Control', 'max-age=60']
  return { id: `e${i}`, status: 200, bornAt: 1_767_225_600_000 + i, lines }
}

if (import.meta.main) {
  const store = memoryStore({ eviction: argv[2] as MemoryStoreOptions['eviction'] })
  const readings: Reading[] = []
  for (const reading of fill(store, Number(argv[3] ?? 1_000_000), 100_000, () => globalThis.gc?.())) {
    readings.push(reading)
    const { keys, cpu, resident, retained } = reading
    const MB = (bytes: number) => `${(bytes / 1e6).toFixed(1)} MB`
    console.log(`${keys} keys: ${cpu.toFixed(0)} ms, resident ${MB(resident)}, retained ${MB(retained)}`)
  }
  const cost = readings.at(-1)!.cpu / readings[0]!.cpu
  const growth = (['retained', 'resident'] as const).map((of) => `${of} ${slope(readings, of).toFixed(2)}`)
  console.log(`bytes a key: ${growth.join(', ')} · last cost / first cost: ${cost.toFixed(2)}`)
  console.log(`accounted at most ${readings.at(-1)!.largestSize} of ${store.maxBytes}, ${store.entries} entries`)
}
