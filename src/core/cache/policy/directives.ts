import { type CacheControl, parseCacheControl } from '../../http/cache-control.ts'
import type { Fields } from '../../http/message.ts'
import { parseTargetedCacheControl } from '../../http/targeted.ts'
import type { Profile } from './profile.ts'

/** The directives that bind this cache, and whether they came from a targeted field. */
export interface ResponseDirectives {
  readonly control: CacheControl
  /** A targeted field was used, so Cache-Control and Expires are ignored (RFC 9213 section 2.2). */
  readonly targeted: boolean
}

/** The response directives for this cache: the first valid targeted field on its list, else Cache-Control. */
export function responseDirectives(fields: Fields, profile: Profile): ResponseDirectives {
  if (profile.shared) {
    for (const target of profile.targets) {
      if (fields[target] === undefined) continue
      const control = parseTargetedCacheControl(fields[target])
      if (control !== undefined) return { control, targeted: true }
    }
  }
  return { control: parseCacheControl(fields['cache-control']), targeted: false }
}

/** The request directives, with Pragma: no-cache where there is no Cache-Control (RFC 9111 section 5.4). */
export function requestControl(fields: Fields): CacheControl | undefined {
  if (fields['cache-control'] !== undefined) return parseCacheControl(fields['cache-control'])
  if (fields.pragma !== undefined) {
    const control = parseCacheControl(fields.pragma)
    if (control.noCache !== false) return parseCacheControl('no-cache')
  }
  return undefined
}
