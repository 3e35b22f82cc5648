import type { Controller } from './types.ts'

/** Errors that tell of the caller's own doing: nothing was wrong with the origin. */
const OWN_DOING = new Set([
  'RESPONSE_TOO_LARGE',
  'UND_ERR_ABORTED',
  'UND_ERR_CLOSED',
  'UND_ERR_DESTROYED',
  'UND_ERR_INVALID_ARG',
  'UND_ERR_NOT_SUPPORTED',
])

/**
 * Whether an error before a response means that no origin answered, so that a stale answer may stand in. The refusal of
 * a circuit breaker (`CIRCUIT_OPEN`) does: it is open because its origin is as good as lost.
 */
export function isOriginLost(controller: Controller | null, error: unknown): boolean {
  if (controller?.aborted) return false
  return !OWN_DOING.has(String((error as { code?: unknown } | null | undefined)?.code))
}
