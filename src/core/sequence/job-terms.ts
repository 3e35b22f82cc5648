import type { Clock } from '../clock.ts'
import { type Job, placeOf, sizeOf } from './job.ts'
import type { JobStore } from './job-store.ts'
import { Pace } from './pace.ts'
import type { TermReader, TermSpan, Terms } from './term-reader.ts'

/** Terms that were computed are not kept any more, and cannot be computed again. */
export class TermsLostError extends Error {
  override readonly name = 'TermsLostError'
  readonly code = 'ERR_BREAKWATER_TERMS_LOST'

  constructor(index: number) {
    super(`Terms from index ${index} on are not kept any more, and the sequence would give others`)
  }
}

/** What jobs read and compute with. */
export interface JobParts {
  readonly reader: TermReader
  readonly store: JobStore
  /** Whether terms that are gone may be computed again. */
  readonly isDeterministic: boolean
  readonly clock: Clock
}

/**
 * Terms that a job has got, from where they are kept; those that are not kept any more are computed again.
 *
 * @throws TermsLostError where that would give others; the signal's reason; what the sequence throws.
 */
export async function* keptTerms(
  job: Job,
  { start, count }: TermSpan,
  parts: JobParts,
  signal: AbortSignal,
): AsyncGenerator<Terms, void> {
  const end = start + count
  // A store may answer at once, each time.
  const pace = new Pace(signal, parts.clock)
  for (let index = start; index < end; ) {
    await pace.rest()
    const { n, skipped } = placeOf(job, index - job.start)
    const wanted = Math.min(end - index, sizeOf(job, n) - skipped)
    const kept = (await parts.store.chunk(job, n))?.slice(skipped, skipped + wanted) ?? []
    signal.throwIfAborted()
    if (kept.length > 0) yield { index, texts: kept }
    if (kept.length < wanted) yield* again({ start: index + kept.length, count: wanted - kept.length }, parts, signal)
    index += wanted
  }
}

function again(
  span: TermSpan,
  { reader, isDeterministic }: JobParts,
  signal: AbortSignal,
): AsyncGenerator<Terms, void> {
  if (!isDeterministic) throw new TermsLostError(span.start)
  return reader.read(span, { signal })
}
