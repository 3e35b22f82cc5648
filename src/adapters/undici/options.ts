import { randomUUID } from 'node:crypto'
import { Mount } from '../../core/cache/mount.ts'
import { type CacheOptions, mountSettings } from '../../core/cache/options.ts'
import { defaultCache, ResponseCache } from '../../core/cache/response-cache.ts'
import { quote } from '../../core/options.ts'
import type { KeyvLike } from '../../core/store/keyv.ts'
import type { Store } from '../../core/store/store.ts'
import { Origins } from './origins.ts'
import type { DispatchOptions } from './types.ts'

/**
 * Options of a cache for outgoing requests; functions among them are handed the options of the dispatch. Without a
 * `partition`, `type: 'private'` keeps what it stores to this one interceptor, or to the `cache` it is given.
 */
export interface UndiciCacheOptions extends CacheOptions<DispatchOptions> {
  /** Only requests to these origins are cached. Default: to all. */
  readonly origins?: readonly (string | RegExp)[] | undefined
  /** Where responses are kept, in place of `cache`: a Store or a Keyv. */
  readonly store?: Store | KeyvLike | undefined
}

export interface UndiciMount {
  readonly mount: Mount
  readonly origins: Origins | undefined
}

/** @throws TypeError or RangeError for an option that cannot be used. */
export function undiciMount(given: UndiciCacheOptions | ResponseCache): UndiciMount {
  const options: UndiciCacheOptions = given instanceof ResponseCache ? { cache: given } : given
  const settings = mountSettings(options, 'out', ['origins', 'store'])
  const { type, partition, cache, origins } = options
  const isAlone = type === 'private' && partition === undefined && cache === undefined
  const own = randomUUID()
  return {
    mount: new Mount(responsesOf(options), isAlone ? { ...settings, partition: () => own } : settings),
    origins: origins === undefined ? undefined : new Origins(origins),
  }
}

function responsesOf({ cache, store }: UndiciCacheOptions): ResponseCache {
  if (cache !== undefined && store !== undefined) {
    throw new TypeError('cache and store exclude each other: give the store to the ResponseCache')
  }
  if (cache !== undefined && !(cache instanceof ResponseCache)) {
    throw new TypeError(
      `cache must be a ResponseCache, not ${quote(cache)}; a Store or Keyv goes into the option store`,
    )
  }
  if (store !== undefined) return new ResponseCache({ store })
  return cache ?? defaultCache()
}
