import type { ResponseCache } from '../../core/cache/response-cache.ts'
import { CachedDispatch } from './cached-dispatch.ts'
import { type UndiciCacheOptions, undiciMount } from './options.ts'
import type { Interceptor } from './types.ts'

/**
 * A cache for the requests that this process sends: `new Agent().compose(cache())`. `setGlobalDispatcher` of undici
 * makes it serve `fetch` too.
 *
 * @throws TypeError or RangeError for an option it cannot use.
 */
export function cache(options: UndiciCacheOptions | ResponseCache = {}): Interceptor {
  const { mount, origins } = undiciMount(options)
  let isAttached = false
  return (dispatch) => {
    const cached = new CachedDispatch(mount, origins, dispatch)
    if (!isAttached) mount.responses.attach(cached)
    isAttached = true
    return (opts, handler) => cached.dispatch(opts, handler)
  }
}
