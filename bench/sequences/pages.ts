import { type FibonacciState, fibonacci, type Kept, walk } from '../../dist/index.js'

/** A page of Fibonacci numbers. */
export interface Page {
  readonly start: number
  readonly count: number
}

/** What a router would write: JSON texts with commas between them. */
export type Chunks = readonly Buffer[]

/** As most would compute it: one jump, an addition for each term, and toString. */
export function byBigints({ start, count }: Page): Chunks {
  let [current, following] = doubled(start)
  const chunks: Buffer[] = []
  let texts: string[] = []
  let characters = 0
  for (let i = 0; i < count; i++) {
    const text = `"${current}"`
    texts.push(text)
    characters += text.length
    // As many at once as `walk` hands on.
    if (characters >= 65_536) {
      chunks.push(chunkOf(texts, chunks.length === 0))
      texts = []
      characters = 0
    }
    const sum = current + following
    current = following
    following = sum
  }
  if (texts.length > 0) chunks.push(chunkOf(texts, chunks.length === 0))
  return chunks
}

/** F(n) and F(n + 1) by fast doubling. */
function doubled(n: number): [bigint, bigint] {
  let [at, after] = [0n, 1n]
  for (const bit of n.toString(2)) {
    const even = at * (2n * after - at)
    const odd = at * at + after * after
    if (bit === '1') [at, after] = [odd, even + odd]
    else [at, after] = [even, odd]
  }
  return [at, after]
}

/** By ours, and the state to go on from. */
export async function byWalk(
  { start, count }: Page,
  kept?: Kept<FibonacciState>,
): Promise<{ readonly chunks: Chunks; readonly last: Kept<FibonacciState> | undefined }> {
  const chunks: Buffer[] = []
  let last: Kept<FibonacciState> | undefined
  for await (const batch of walk(fibonacci, { start, count, kept })) {
    chunks.push(chunkOf(batch.texts, chunks.length === 0))
    last = batch.last
  }
  return { chunks, last }
}

function chunkOf(texts: readonly string[], isFirst: boolean): Buffer {
  const text = texts.join(',')
  return Buffer.from(isFirst ? text : `,${text}`, 'latin1')
}
