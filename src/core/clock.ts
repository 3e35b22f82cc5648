// Imported, because the global is a getter, which is called anew each time.
import { performance } from 'node:perf_hooks'

/** Where time comes from. Handed in wherever time matters, so that tests can hold it still. */
export interface Clock {
  /** Wall-clock time in milliseconds since the epoch: what HTTP dates are compared with. */
  now(): number
  /** Milliseconds from any fixed point, never set back: what waiting is measured with. */
  monotonic(): number
}

/** The machine's own clock. */
export const systemClock: Clock = {
  now: () => Date.now(),
  monotonic: () => performance.now(),
}
