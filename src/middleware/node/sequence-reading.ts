import type { ServerResponse } from 'node:http'
import { eventChannel } from '../../core/events.ts'
import type { TermFormat } from '../../core/sequence/formats.ts'
import { TermPoolError } from '../../core/sequence/term-pool.ts'
import type { TermReader, TermSpan } from '../../core/sequence/term-reader.ts'
import { clientSignal } from './client-signal.ts'
import { jobProblem } from './job-problem.ts'
import { type Problem, poolProblem, refusal } from './problem.ts'
import { refusedCall } from './refused.ts'
import { beginningOf, continued, type Progress, written } from './sequence-content.ts'

/** Terms that were read: all of them, or as they come. */
export type TermsRead =
  /** The client has left. */
  | { readonly kind: 'gone' }
  /** There are no workers for it, or not in time. */
  | { readonly kind: 'refused'; readonly error: TermPoolError }
  | { readonly kind: 'whole'; readonly count: number; readonly body: Buffer }
  | { readonly kind: 'stream'; readonly content: AsyncGenerator<Buffer, void, void> }

/** What to read, and how to write it. */
interface Reading {
  readonly sequence: string
  readonly span: TermSpan
  readonly format: TermFormat
  readonly promised: number | undefined
  readonly heartbeat: number
  readonly mayEndBroken: boolean
}

/** So many bytes of a page are made before any is sent: then its length is known, and an error has an answer. */
const PAGE_AT_ONCE = 256 * 1024

const broken = eventChannel('breakwater:sequence:broken')

/**
 * Reads terms for a response: until something can be sent, and the rest as the client takes it. When the client leaves,
 * the reader is told by its signal, and closed.
 */
export async function readTerms(
  response: ServerResponse,
  reader: Pick<TermReader, 'read'>,
  { sequence, span, format, promised, heartbeat, mayEndBroken }: Reading,
): Promise<TermsRead> {
  const signal = clientSignal(response)
  const progress: Progress = { count: 0, isDone: false, isSent: false }
  const onBreak = (error: unknown, index: number): string => {
    if (broken.hasSubscribers) broken.publish({ sequence, index, format: format.name, error })
    return JSON.stringify(problemOf(error, index))
  }
  const writing = { format, start: span.start, promised, heartbeat, mayEndBroken, onBreak }
  const content = written(reader.read(span, { signal }), writing, progress, signal)
  try {
    const beginning = await beginningOf(content, progress, format.isStream ? 0 : PAGE_AT_ONCE)
    signal.throwIfAborted()
    if (progress.isDone) return { kind: 'whole', count: progress.count, body: Buffer.concat(beginning) }
    progress.isSent = true
    // However the answer ends, and if nobody ever begins to send it.
    response.once('close', () => void content.return().catch(() => {}))
    return { kind: 'stream', content: continued(beginning, content) }
  } catch (error) {
    if (signal.aborted) {
      await content.return()
      return { kind: 'gone' }
    }
    if (error instanceof TermPoolError) return { kind: 'refused', error }
    throw error
  }
}

/** For whoever is outside: without words of what is inside. */
export function problemOf(error: unknown, index: number): Problem {
  const ended = jobProblem(error)
  if (ended !== undefined) return { ...ended, index }
  const refused = refusedCall(error)
  if (refused !== undefined) return { ...refusal(refused, false), index }
  if (error instanceof TermPoolError) return { ...poolProblem(error), index }
  return { status: 500, title: 'Internal Server Error', detail: `The term with index ${index} could not be had`, index }
}
