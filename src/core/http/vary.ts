import { parseFieldNames } from './field-names.ts'
import { memoised } from './memo.ts'
import { combined, type FieldValue } from './message.ts'

/**
 * The selecting fields of a response, lower-case and sorted, or '*' (RFC 9110 section 12.5.5). What is not a list of
 * field names is '*': such a response matches no request.
 */
export function parseVary(value: FieldValue): '*' | readonly string[] {
  const list = combined(value)
  return list === undefined || list === '' ? NOTHING : parse(list)
}

const NOTHING: readonly string[] = []

const parse = memoised((list): '*' | readonly string[] => {
  const names = parseFieldNames(list)
  return names === undefined || names.includes('*') ? '*' : names.sort()
})

export { languageMatches } from './language.ts'
export { normaliseSelecting } from './selecting.ts'
