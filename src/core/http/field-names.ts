import { isToken, trimWhitespace } from './syntax.ts'

/** A comma-separated list of field names, lower-case, without duplicates; undefined if a member is not a token. */
export function parseFieldNames(list: string): string[] | undefined {
  const names = new Set<string>()
  for (const member of list.split(',')) {
    const name = trimWhitespace(member)
    // Empty list members are to be ignored (RFC 9110 section 5.6.1.2).
    if (name === '') continue
    if (!isToken(name)) return undefined
    names.add(name.toLowerCase())
  }
  return [...names]
}
