import { Mount } from '../../core/cache/mount.ts'
import { type CacheOptions, mountSettings } from '../../core/cache/options.ts'
import { defaultCache, ResponseCache } from '../../core/cache/response-cache.ts'
import { quote } from '../../core/options.ts'
import { ServerMount } from './serve.ts'
import { ShadowRunner } from './shadow.ts'

/**
 * A mount for a server, from its options or a bare ResponseCache.
 *
 * @throws TypeError or RangeError with the value quoted.
 */
export function serverMount<Request>(options: CacheOptions<Request> | ResponseCache = {}): ServerMount {
  const given: CacheOptions<Request> = options instanceof ResponseCache ? { cache: options } : options
  const settings = mountSettings(given, 'in')
  const { cache } = given
  if (cache !== undefined && !(cache instanceof ResponseCache)) {
    throw new TypeError(`cache must be a ResponseCache, new ResponseCache({ store }), not ${quote(cache)}`)
  }
  const mount = new Mount(cache ?? defaultCache(), settings)
  return new ServerMount(mount, new ShadowRunner(mount), cache === undefined)
}
