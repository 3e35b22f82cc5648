import { setImmediate as nextTurn } from 'node:timers/promises'
import type { TermFormat } from '../../core/sequence/formats.ts'
import type { Terms } from '../../core/sequence/term-reader.ts'

/** How far an answer has come. */
export interface Progress {
  /** Terms that were written. */
  count: number
  /** Whether all has been written. */
  isDone: boolean
  /** Whether the head is on its way: from then on only the content can tell of an error. Set by whoever sends it. */
  isSent: boolean
}

/** What decides how terms are written. */
interface Writing {
  readonly format: TermFormat
  readonly start: number
  /** How many there must be, because the head says so; undefined: as many as there are. */
  readonly promised: number | undefined
  /** ms after which a reader who waits is told that the connection is alive. */
  readonly heartbeat: number
  /** Whether an answer that failed may end as if it was whole, because nobody keeps it. */
  readonly mayEndBroken: boolean
  /** Told of an error that comes too late for another answer; gives the problem that a reader is told, as JSON. */
  readonly onBreak: (error: unknown, index: number) => string
}

/**
 * Terms as bytes of a format, each batch as it comes. Where one fails, the format tells the reader if it has words for
 * that; what anybody may keep is broken off even so, because it would never be whole again.
 */
export async function* written(
  terms: AsyncGenerator<Terms, void>,
  { format, start, promised, heartbeat, mayEndBroken, onBreak }: Writing,
  progress: Progress,
  signal: AbortSignal,
): AsyncGenerator<Buffer, void, void> {
  let text = format.open(start)
  try {
    for await (const some of format.beat === undefined ? terms : withBeats(terms, heartbeat)) {
      if (some === undefined) text += format.beat
      else {
        text += format.terms(some, progress.count === 0)
        progress.count += some.texts.length
      }
      yield Buffer.from(text)
      text = ''
    }
    if (promised !== undefined && progress.isSent && progress.count < promised) {
      throw new Error(`The sequence ended after ${progress.count} of ${promised} terms`)
    }
  } catch (error) {
    if (!progress.isSent || signal.aborted) throw error
    const problem = onBreak(error, start + progress.count)
    if (format.failure !== undefined) yield Buffer.from(format.failure(problem))
    if (format.failure !== undefined && mayEndBroken) return
    // Breaking off throws away what has not left yet.
    await nextTurn()
    throw error
  }
  progress.isDone = true
  yield Buffer.from(text + format.close(progress.count))
}

/** Gives undefined whenever nothing came for so many ms. */
async function* withBeats<T>(source: AsyncGenerator<T, void>, every: number): AsyncGenerator<T | undefined, void> {
  let step = source.next()
  try {
    for (;;) {
      const done = await orLate(step, every)
      if (done === undefined) yield undefined
      else if (done.done === true) return
      else {
        yield done.value
        step = source.next()
      }
    }
  } finally {
    // Who leaves while it is waited for does not hear of its end.
    step.catch(() => {})
    await source.return()
  }
}

async function orLate<T>(promise: Promise<T>, after: number): Promise<T | undefined> {
  const { promise: late, resolve } = Promise.withResolvers<undefined>()
  const timer = setTimeout(() => resolve(undefined), after).unref()
  try {
    return await Promise.race([promise, late])
  } finally {
    clearTimeout(timer)
  }
}

/** Reads until there are more than `most` bytes, or to the end. */
export async function beginningOf(
  content: AsyncGenerator<Buffer, void, void>,
  progress: Progress,
  most: number,
): Promise<readonly Buffer[]> {
  const chunks: Buffer[] = []
  for (let bytes = 0; bytes <= most && !progress.isDone; ) {
    const { value } = await content.next()
    if (value === undefined) break
    chunks.push(value)
    bytes += value.length
  }
  return chunks
}

/** The whole again. Leaving it early leaves the rest, too. */
export async function* continued(
  beginning: readonly Buffer[],
  rest: AsyncGenerator<Buffer, void, void>,
): AsyncGenerator<Buffer, void, void> {
  try {
    yield* beginning
    yield* rest
  } finally {
    await rest.return()
  }
}
