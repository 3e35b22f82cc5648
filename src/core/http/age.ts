import { parseDeltaSeconds } from './delta-seconds.ts'
import { type FieldValue, firstLine } from './message.ts'
import { trimWhitespace } from './syntax.ts'

/**
 * Age in seconds. Only the first value counts, and an invalid one is ignored: undefined (RFC 9111 section 5.1).
 */
export function parseAge(value: FieldValue): number | undefined {
  const line = firstLine(value)
  if (line === undefined) return undefined
  const comma = line.indexOf(',')
  return parseDeltaSeconds(trimWhitespace(comma === -1 ? line : line.slice(0, comma)))
}
