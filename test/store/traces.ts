/** Deterministic random numbers and request traces for judging eviction. */

/** Numbers in 0..1 that are the same for the same seed (mulberry32). */
function random(seed: number): () => number {
  let state = seed
  return () => {
    state = (state + 0x6d2b79f5) | 0
    let t = Math.imul(state ^ (state >>> 15), 1 | state)
    t = (t + Math.imul(t ^ (t >>> 7), 61 | t)) ^ t
    return ((t ^ (t >>> 14)) >>> 0) / 4294967296
  }
}

/** Draws ranks 0..count-1, rank r with a probability proportional to 1 / (r + 1) ** skew. */
function zipf(count: number, skew: number, next: () => number): () => number {
  const sums = new Float64Array(count)
  let sum = 0
  for (let rank = 0; rank < count; rank++) {
    sum += 1 / (rank + 1) ** skew
    sums[rank] = sum
  }
  return () => {
    const wanted = next() * sum
    let low = 0
    let high = count - 1
    while (low < high) {
      const middle = (low + high) >>> 1
      if (sums[middle]! < wanted) low = middle + 1
      else high = middle
    }
    return low
  }
}

/** Popular keys, asked for again and again. */
export function* popular(requests: number, keys = 100_000, seed = 1): Generator<string> {
  const draw = zipf(keys, 0.9, random(seed))
  for (let i = 0; i < requests; i++) yield `key-${draw()}`
}

/** The same, but a crawler walks through 2,000 keys that nobody asks for again, after every 8,000 requests. */
export function* withScans(requests: number, keys = 100_000, seed = 1): Generator<string> {
  let scanned = 0
  let i = 0
  for (const key of popular(requests, keys, seed)) {
    yield key
    if (++i % 8_000 === 0) for (let step = 0; step < 2_000; step++) yield `scan-${scanned++}`
  }
}

/** Popular keys, but others every 100,000 requests. */
export function* shifting(requests: number, keys = 100_000, seed = 1): Generator<string> {
  let i = 0
  for (const key of popular(requests, keys, seed)) yield `${Math.floor(i++ / 100_000)}-${key}`
}
