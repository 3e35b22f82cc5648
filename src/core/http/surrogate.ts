import { bounded } from './groups.ts'
import { combined, type FieldValue } from './message.ts'

/**
 * The tags of Surrogate-Key (separated by whitespace) or Cache-Tag (by commas). They have no standard; case counts, and
 * the limits are those of groups.
 */
export function parseTags(value: FieldValue, separator: 'space' | 'comma'): readonly string[] {
  if (value === undefined) return NOTHING
  if (separator === 'space') return bounded(words(typeof value === 'object' ? value.join(' ') : value))
  return bounded(
    (combined(value) ?? '')
      .split(',')
      .map((tag) => words(tag).join(' '))
      .filter((tag) => tag !== ''),
  )
}

const NOTHING: readonly string[] = []

function words(text: string | undefined): string[] {
  return (text ?? '').split(/[ \t]+/).filter((word) => word !== '')
}
