import { inspect } from 'node:util'
import type { Sequence } from '../../core/sequence/contract.ts'
import { computeSlice } from '../../core/sequence/slice.ts'
import type { SliceTask } from '../../core/sequence/term-pool.ts'
import type { SliceAnswer, SliceRequest } from './messages.ts'

/** What a worker does, by the name that Piscina calls it. */
export async function computeTerms({ task, stop }: SliceRequest): Promise<SliceAnswer> {
  const leaving = new AbortController()
  stop.once('message', () => leaving.abort())
  try {
    const sequence = await loaded(task.sequence)
    return sequence instanceof Error
      ? { type: 'unloadable', error: sequence }
      : await answerOf(sequence, task, leaving.signal)
  } finally {
    stop.close()
  }
}

async function answerOf(sequence: Sequence, task: SliceTask, signal: AbortSignal): Promise<SliceAnswer> {
  try {
    const slice = await computeSlice(sequence, task, signal)
    const { failure } = slice
    return { type: 'slice', slice: { ...slice, ...(failure && { failure: { error: portable(failure.error) } }) } }
  } catch (error) {
    if (signal.aborted) return { type: 'stopped' }
    throw error
  }
}

/** The sequence that a module exports, or why there is none. */
async function loaded({ url, name, id, version }: SliceTask['sequence']): Promise<Sequence | Error> {
  try {
    const exports = (await import(url)) as Readonly<Record<string, unknown>>
    const found = exports[name] as Sequence | undefined
    if (found?.id === id && found.version === version && typeof found.states === 'function') return found
    return new Error(`${url} must export the sequence ${inspect(id)}, version ${inspect(version)}, as ${name}`)
  } catch (error) {
    return new Error(`${url} could not be loaded by a worker`, { cause: portable(error) })
  }
}

/** What is thrown may be anything, and not everything can go to another thread. */
function portable(error: unknown): unknown {
  try {
    return structuredClone(error)
  } catch {
    return new Error(inspect(error))
  }
}
