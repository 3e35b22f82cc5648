import { type Dictionary, parseDictionary, Token } from 'structured-headers'
import { type CacheControl, emptyCacheControl, type MutableCacheControl, qualified, united } from './cache-control.ts'
import { MAX_DELTA_SECONDS } from './delta-seconds.ts'
import { memoised } from './memo.ts'
import { combined, type FieldValue } from './message.ts'

/**
 * A targeted field such as CDN-Cache-Control (RFC 9213 section 2.1): a structured-field dictionary, not Cache-Control
 * syntax. Undefined if it is absent, empty or invalid; then it is as if it were not there (section 2.2).
 */
export function parseTargetedCacheControl(value: FieldValue): CacheControl | undefined {
  const text = combined(value)
  return text === undefined ? undefined : (parse(text) ?? undefined)
}

const parse = memoised((text): CacheControl | null => {
  const members = dictionary(text)
  if (members === undefined || members.size === 0) return null
  const control = emptyCacheControl()
  for (const [name, member] of members) {
    // Parameters mean nothing here (RFC 9213 section 2.1).
    if (!apply(control, name, member[0])) return null
  }
  return control
})

function dictionary(text: string): Dictionary | undefined {
  try {
    return parseDictionary(text)
  } catch {
    return undefined
  }
}

/** Takes one directive over; false if its value has the wrong type. Extensions are ignored, whatever they hold. */
function apply(control: MutableCacheControl, name: string, value: unknown): boolean {
  switch (name) {
    case 'max-age':
      return isDelta(value) && assign(control, 'maxAge', value)
    case 's-maxage':
      return isDelta(value) && assign(control, 'sMaxage', value)
    case 'stale-while-revalidate':
      return isDelta(value) && assign(control, 'staleWhileRevalidate', value)
    case 'stale-if-error':
      return isDelta(value) && assign(control, 'staleIfError', value)
    case 'no-store':
      return value === true && assign(control, 'noStore', true)
    case 'must-revalidate':
      return value === true && assign(control, 'mustRevalidate', true)
    case 'proxy-revalidate':
      return value === true && assign(control, 'proxyRevalidate', true)
    case 'must-understand':
      return value === true && assign(control, 'mustUnderstand', true)
    case 'no-transform':
      return value === true && assign(control, 'noTransform', true)
    case 'immutable':
      return value === true && assign(control, 'immutable', true)
    case 'public':
      return value === true && assign(control, 'public', true)
    case 'no-cache':
      return restrict(control, 'noCache', value)
    case 'private':
      return restrict(control, 'private', value)
    default:
      return true
  }
}

function isDelta(value: unknown): value is number {
  return Number.isInteger(value) && (value as number) >= 0
}

function assign<K extends keyof CacheControl>(
  control: MutableCacheControl,
  key: K,
  value: MutableCacheControl[K],
): true {
  control[key] = typeof value === 'number' ? (Math.min(value, MAX_DELTA_SECONDS) as MutableCacheControl[K]) : value
  return true
}

function restrict(control: MutableCacheControl, key: 'noCache' | 'private', value: unknown): boolean {
  const members = Array.isArray(value) ? value.map(([item]) => names(item)) : [value === true || names(value)]
  if (members.includes(undefined)) return false
  control[key] = (members as (true | readonly string[])[]).reduce<boolean | readonly string[]>(united, false) || true
  return true
}

/** The field names in a string or a token; undefined for any other type. */
function names(item: unknown): true | readonly string[] | undefined {
  if (item instanceof Token) return qualified(item.toString())
  return typeof item === 'string' ? qualified(item) : undefined
}
