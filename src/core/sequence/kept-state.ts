import { eventChannel } from '../events.ts'
import type { Sequence } from './contract.ts'
import type { Mark } from './mark.ts'

const unkept = eventChannel('breakwater:sequence:unkept')

/** A state for the store; undefined, with an event, where the sequence fails at it: readers have its terms all the same. */
export function encodedMark<State>(sequence: Sequence<State>, mark: Mark<State>): Buffer | undefined {
  try {
    return Buffer.from(mark.bytes())
  } catch (error) {
    if (unkept.hasSubscribers) unkept.publish({ sequence: sequence.id, index: mark.index, error })
    return undefined
  }
}
