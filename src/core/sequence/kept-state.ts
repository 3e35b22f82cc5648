import { eventChannel } from '../events.ts'
import type { Kept } from './batches.ts'
import type { Sequence } from './contract.ts'

const unkept = eventChannel('breakwater:sequence:unkept')

/** A state for the store; undefined, with an event, where the sequence fails at it: readers have its terms all the same. */
export function encodedState<State>(sequence: Sequence<State>, { index, state }: Kept<State>): Buffer | undefined {
  try {
    return Buffer.from(sequence.encode(state))
  } catch (error) {
    if (unkept.hasSubscribers) unkept.publish({ sequence: sequence.id, index, error })
    return undefined
  }
}

/** A state from the store; undefined where it cannot be one: whoever can write to the store may have written it. */
export function decodedState<State>(
  sequence: Sequence<State>,
  index: number,
  bytes: Uint8Array,
): Kept<State> | undefined {
  try {
    return { index, state: sequence.decode(bytes) }
  } catch {
    return undefined
  }
}
