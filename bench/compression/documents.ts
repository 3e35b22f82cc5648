/** What is sent: made from a fixed seed, so that every subject and every run has the same bytes. */

export interface Product {
  readonly id: string
  readonly name: string
  readonly description: string
  readonly price: number
  readonly currency: string
  readonly stock: number
  readonly rating: number
  readonly tags: readonly string[]
  readonly changed: string
}

const WORDS =
  `anchor ballast beacon bollard bowline breaker bridge brass buoy cabin canvas capstan chart cleat coil compass
copper cork cotton current deck dinghy dock double draught drift ebb fathom fender ferry fitted flag float galley galvanised
gauge grade hand harbour hatch heavy helm hull inlet iron jetty keel knot ladder lantern large leather light line linen long
marine mast mooring narrow nautical navy northern oak oiled open original pair painted pier pilot plain polished port pulley
quay reef rigging rope round rubber rudder sail salt sea shackle shallow shell short single small solid southern spare spliced
stainless starboard steel stern strong tar teak tide tiller timber treated turned twine varnished vessel washed waterproof
wave weather wharf white wide winch wind wooden wool woven`.split(/\s+/)

/** About 20 KB as JSON, which gzip makes a quarter of: the products of one page of a shop. */
export const PRODUCTS: readonly Product[] = products(65)

/** 200 bytes as JSON. */
export const SMALL: object = { status: 'accepted', order: 'a41f-77c0', note: 'x'.repeat(149) }

/** 2 KB that nothing compresses. */
export const IMAGE: Buffer = Buffer.from(Array.from({ length: 2048 }, numbers(7)).map((part) => Math.floor(part * 256)))

function products(count: number): Product[] {
  const number = numbers(1)
  const upTo = (most: number): number => Math.floor(number() * most)
  const words = (many: number): string => Array.from({ length: many }, () => WORDS[upTo(WORDS.length)]).join(' ')
  return Array.from({ length: count }, (_, i) => ({
    id: `${upTo(2 ** 32).toString(16)}-${i}`,
    name: words(3),
    description: `${words(6 + upTo(8))}, ${words(5 + upTo(9))}.`,
    price: upTo(100_000) / 100,
    currency: 'EUR',
    stock: upTo(400),
    rating: upTo(50) / 10,
    tags: Array.from({ length: 2 + upTo(3) }, () => words(1)),
    changed: new Date(Date.UTC(2025, upTo(12), upTo(28), upTo(24), upTo(60), upTo(60))).toISOString(),
  }))
}

/** Numbers from 0 to 1 that look like chance: mulberry32. */
function numbers(seed: number): () => number {
  let state = seed
  return () => {
    state = (state + 0x6d2b79f5) | 0
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state)
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32
  }
}
