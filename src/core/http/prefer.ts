import { combined, type FieldValue } from './message.ts'
import { parsePreferences } from './preferences.ts'

/**
 * Whether a Prefer field asks for an answer before the work is done (RFC 7240 section 4.1). An empty value is no value
 * (section 2), and parameters say nothing of it.
 */
export function prefersAsync(prefer: FieldValue): boolean {
  const field = combined(prefer)
  return field !== undefined && parsePreferences(field).some(({ choice }) => RESPOND_ASYNC.test(choice))
}

const RESPOND_ASYNC = /^respond-async(?:=(?:"")?)?(?:;|$)/
