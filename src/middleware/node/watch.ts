import type { Exchange } from '../../core/cache/exchange.ts'
import type { MountSettings } from '../../core/cache/options.ts'
import { ReadLog } from '../../core/cache/read-log.ts'
import { type MarkedRequest, READS } from './symbols.ts'

/** Properties in which other middleware keeps what belongs to one person. */
const PERSONAL = ['user', 'session', 'auth', 'cookies', 'signedCookies'] as const

/** Notes what the handler of a request reads, for the answer's sharing. Nothing to do for private caches. */
export function watchReads(request: MarkedRequest, exchange: Exchange, { guard, profile }: MountSettings): void {
  if (guard.mode === 'off' || !profile.shared || !exchange.mayStore) return
  const reads = new ReadLog(guard.ignore.size === 0 ? undefined : guard.ignore)
  exchange.reads = reads
  request[READS] = reads
  watchFields(request, reads)
  watchPersonal(request as unknown as Record<string, unknown>, PERSONAL, reads)
}

/** HTTP/2's compatibility API has `headers` as a getter without setter. */
function watchFields(request: MarkedRequest, reads: ReadLog): void {
  const watched = reads.watch(request.headers)
  if (request.httpVersionMajor === 2) {
    Object.defineProperty(request, 'headers', { value: watched, configurable: true, writable: true, enumerable: true })
  } else request.headers = watched
}

/** Watches those of the properties that are there already: what comes later comes from the handler's own side. */
export function watchPersonal(holder: Record<string, unknown>, names: readonly string[], reads: ReadLog): void {
  for (const name of names) {
    const value = holder[name]
    if (value === undefined || value === null) {
      if (name === 'cookies') watchParser(holder, name, reads)
      continue
    }
    const own = Object.getOwnPropertyDescriptor(holder, name)
    if (own !== undefined && !own.configurable) continue
    let current: unknown = value
    Object.defineProperty(holder, name, {
      configurable: true,
      enumerable: own?.enumerable ?? true,
      get() {
        reads.readProperty(name)
        return current
      },
      set(next: unknown) {
        current = next
      },
    })
  }
}

/**
 * A cookie parser within the cache reads the Cookie field whatever the handler wants. Once it sets `cookies`, the
 * field counts as unread, if the parser was the only one to read it, and `cookies` is watched instead.
 */
function watchParser(holder: Record<string, unknown>, name: string, reads: ReadLog): void {
  let current: unknown
  Object.defineProperty(holder, name, {
    configurable: true,
    enumerable: true,
    get() {
      if (current !== undefined) reads.readProperty(name)
      return current
    },
    set(next: unknown) {
      current = next
      reads.forgive(name)
      reads.forgive('cookie')
    },
  })
}
