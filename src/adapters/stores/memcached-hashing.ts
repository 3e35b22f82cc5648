import { crc32 } from 'node:zlib'

/**
 * Chooses one of `places` for a key by rendezvous hashing: the one whose hash with the key is highest. All processes
 * that name the same places choose the same one, in whatever order they name them, and a place that is added or taken
 * away moves no keys between the others. What braces in a key hold stays together.
 */
export function rendezvous<T>(places: readonly T[], nameOf: (place: T) => string): (key: string) => T {
  const [only] = places
  if (places.length === 1) return () => only as T
  const seeded = places.map((place) => ({ place, seed: mixed(crc32(nameOf(place))) }))
  return (key) => {
    const hash = crc32(partThatCounts(key))
    let best = -1
    let chosen = only as T
    for (const { place, seed } of seeded) {
      const weight = mixed(hash ^ seed)
      if (weight > best) {
        best = weight
        chosen = place
      }
    }
    return chosen
  }
}

function partThatCounts(key: string): string {
  const start = key.indexOf('{')
  const end = key.indexOf('}', start)
  return start === -1 || end === -1 ? key : key.slice(start + 1, end)
}

/** The last step of MurmurHash3: every bit of the input changes about half of the output's. */
function mixed(value: number): number {
  let hash = value
  hash = Math.imul(hash ^ (hash >>> 16), 0x85ebca6b)
  hash = Math.imul(hash ^ (hash >>> 13), 0xc2b2ae35)
  return (hash ^ (hash >>> 16)) >>> 0
}
