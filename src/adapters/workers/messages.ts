import type { MessagePort } from 'node:worker_threads'
import type { Slice, SliceTask } from '../../core/sequence/term-pool.ts'

/** What a worker is given. */
export interface SliceRequest {
  readonly task: SliceTask
  /** Whatever comes here says that nobody wants the slice any more. */
  readonly stop: MessagePort
}

/** What it gives back. */
export type SliceAnswer =
  | { readonly type: 'slice'; readonly slice: Slice }
  | { readonly type: 'stopped' }
  /** The module could not be loaded, or does not export the sequence. */
  | { readonly type: 'unloadable'; readonly error: unknown }
