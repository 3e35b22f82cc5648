import type { StoreCapabilities } from '../store/capabilities.ts'
import { withDeadline } from '../store/guard.ts'
import { askForLease, type Lease, type LeaseAnswer } from '../store/lease.ts'

/** ms: another process goes on with what one was at work on that has died. */
const LIFETIME = 3_000

/**
 * The right to compute alone. Undefined where another has it, or where the store does not say within `timeout` ms.
 * Never rejects.
 */
export async function leaseOf(
  capabilities: StoreCapabilities,
  key: string,
  timeout: number,
): Promise<Lease | undefined> {
  const asking = askForLease(capabilities, key, LIFETIME)
  const outcome = await withDeadline(() => asking, timeout, false)
  // One that is granted too late is nobody's.
  if (outcome.type === 'late') asking.then(giveBack).catch(() => {})
  return outcome.type === 'value' && outcome.value.type === 'granted' ? outcome.value.lease : undefined
}

async function giveBack(answer: LeaseAnswer): Promise<void> {
  if (answer.type === 'granted') await answer.lease.release()
}
