import { combined, type FieldValue } from './message.ts'
import { parsePreferences } from './preferences.ts'

/**
 * The media type that an Accept field likes best; of several with the same weight, the first of `offered`. Undefined:
 * none of them is acceptable. Parameters of types, but for the weight, do not count (RFC 9110 section 12.5.1).
 */
export function acceptedType<T extends string>(accept: FieldValue, offered: readonly T[]): T | undefined {
  const field = combined(accept)
  if (field === undefined || field === '') return offered[0]
  const weights = weightsOf(field)
  let best: { readonly type: T; readonly weight: number } | undefined
  for (const type of offered) {
    // The most specific range that fits decides.
    const weight = weights.get(type) ?? weights.get(`${type.split('/', 1)[0]}/*`) ?? weights.get('*/*') ?? 0
    if (weight > (best?.weight ?? 0)) best = { type, weight }
  }
  return best?.type
}

function weightsOf(field: string): ReadonlyMap<string, number> {
  const weights = new Map<string, number>()
  for (const { choice, weight } of parsePreferences(field)) {
    const type = choice.split(';', 1)[0] as string
    // A malformed weight is not higher than any.
    if (weight > (weights.get(type) ?? -1)) weights.set(type, weight)
  }
  return weights
}
