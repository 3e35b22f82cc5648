import { memoised } from '../http/memo.ts'
import { parsePreferences } from '../http/preferences.ts'
import type { Coding } from './coding.ts'

/** What a request's Accept-Encoding allows (RFC 9110 section 12.5.3). */
export interface Negotiation {
  /** The best of the codings that are acceptable; undefined for none. */
  readonly coding: Coding | undefined
  /** The content without coding: `preferred` to every coding, `acceptable`, or `refused`. */
  readonly identity: 'preferred' | 'acceptable' | 'refused'
}

/** Reads Accept-Encoding values for a server that has `order`, the coding it likes best first. Bounded memory. */
export function negotiator(order: readonly Coding[]): (acceptEncoding: string) => Negotiation {
  return memoised((value) => negotiate(value, order))
}

/**
 * The coding of the highest weight that is acceptable; of several with the same weight, the first in `order`. '*' stands
 * for what is not listed, the identity included. A member with a malformed weight, or a parameter of another name, is as
 * if it was not there; so is what comes after the first 1,024 characters.
 */
export function negotiate(acceptEncoding: string, order: readonly Coding[]): Negotiation {
  const weights = weightsOf(acceptEncoding)
  const others = weights.get('*')
  const weightOf = (coding: string): number => weights.get(coding) ?? others ?? 0
  let coding: Coding | undefined
  for (const candidate of order) {
    if (weightOf(candidate) > (coding === undefined ? 0 : weightOf(coding))) coding = candidate
  }
  // Unless it is excluded, by its name or by '*', it is acceptable; where neither is listed it comes last.
  const identity = weights.get('identity') ?? others
  if (identity === 0) return { coding, identity: 'refused' }
  const isPreferred = coding === undefined || (identity ?? 0) > weightOf(coding)
  return { coding, identity: isPreferred ? 'preferred' : 'acceptable' }
}

function weightsOf(acceptEncoding: string): ReadonlyMap<string, number> {
  const weights = new Map<string, number>()
  for (const { choice, weight } of parsePreferences(acceptEncoding)) {
    // RFC 9110 section 8.4.1.3
    const name = choice === 'x-gzip' ? 'gzip' : choice
    // Of a coding that is listed twice the highest weight counts: what order the members have says nothing, and caches
    // take requests that differ in it for the same. A malformed weight is not higher than any.
    if (weight > (weights.get(name) ?? -1)) weights.set(name, weight)
  }
  return weights
}
