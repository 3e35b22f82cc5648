import { CircuitOpenError } from '../../core/breaker/errors.ts'

const deepest = 8

/** The refusal of a circuit breaker that an error is or was caused by; undefined if there is none. */
export function refusedCall(error: unknown, depth = 0): CircuitOpenError | undefined {
  if (error instanceof CircuitOpenError) return error
  if (!(error instanceof Error) || depth > deepest) return undefined
  const within = error instanceof AggregateError ? error.errors : []
  for (const cause of [error.cause, ...within]) {
    const found = refusedCall(cause, depth + 1)
    if (found !== undefined) return found
  }
  return undefined
}
