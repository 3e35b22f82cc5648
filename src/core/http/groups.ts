import { type List, parseList } from 'structured-headers'
import { combined, type FieldValue } from './message.ts'

/** A response names no more groups or tags than this; what comes after them is not kept. */
const MAX_GROUPS = 1024

/** Longer names are not kept: a shortened one would be another group. */
const MAX_GROUP_LENGTH = 256

/**
 * Cache-Groups or Cache-Group-Invalidation: a structured-field list of strings, case-sensitive (RFC 9875 section 2).
 * Empty if it is invalid.
 */
export function parseGroups(value: FieldValue): readonly string[] {
  const text = combined(value)
  if (text === undefined || text === '') return []
  const names = list(text).map(([item]) => item)
  return names.every((name) => typeof name === 'string') ? bounded(names) : []
}

function list(text: string): List {
  try {
    return parseList(text)
  } catch {
    return []
  }
}

/** Without duplicates, within the limits. */
export function bounded(names: readonly string[]): readonly string[] {
  return [...new Set(names.filter((name) => name.length <= MAX_GROUP_LENGTH))].slice(0, MAX_GROUPS)
}
