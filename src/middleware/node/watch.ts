import type { IncomingHttpHeaders, IncomingMessage } from 'node:http'
import type { Exchange } from '../../core/cache/exchange.ts'
import type { MountSettings } from '../../core/cache/options.ts'
import { ReadLog } from '../../core/cache/read-log.ts'
import { propertyOf } from './getters.ts'
import { type MarkedRequest, READS } from './symbols.ts'

/** Properties in which other middleware keeps what belongs to one person. */
const PERSONAL = ['user', 'session', 'auth', 'cookies', 'signedCookies'] as const

/** Notes what the handler of a request reads, for the answer's sharing. Nothing to do for private caches. */
export function watchReads(request: MarkedRequest, exchange: Exchange, { guard, profile }: MountSettings): void {
  if (guard.mode === 'off' || !profile.shared || !exchange.mayStore) return
  const reads = new ReadLog(exchange.request.authority, guard.ignore.size === 0 ? undefined : guard.ignore)
  exchange.reads = reads
  request[READS] = reads
  setFields(request, reads.watch(request.headers))
  watchPersonal(request as unknown as Record<string, unknown>, PERSONAL, reads)
}

/** HTTP/2's compatibility API has `headers` as a getter without setter. */
export function setFields(request: IncomingMessage, headers: IncomingHttpHeaders): void {
  if (request.httpVersionMajor === 2) {
    Object.defineProperty(request, 'headers', { value: headers, configurable: true, writable: true, enumerable: true })
  } else request.headers = headers
}

/** Watches those of the properties that are there already: what comes later comes from the handler's own side. */
export function watchPersonal(holder: Record<string, unknown>, names: readonly string[], reads: ReadLog): void {
  for (const name of names) {
    const found = propertyOf(holder, name)
    if (found?.configurable === false) continue
    if (found?.get !== undefined) watchAccessor(holder, name, found, reads)
    else if (found?.value !== undefined && found.value !== null) watchValue(holder, name, found, reads)
    else if (name === 'cookies') watchParser(holder, name, reads)
  }
}

function watchValue(holder: object, name: string, found: PropertyDescriptor, reads: ReadLog): void {
  let current: unknown = found.value
  Object.defineProperty(holder, name, {
    configurable: true,
    enumerable: found.enumerable ?? true,
    get() {
      reads.readProperty(name)
      return current
    },
    set(next: unknown) {
      current = next
    },
  })
}

/** An accessor may do work, such as opening a session: it is not run until the handler asks. */
function watchAccessor(holder: object, name: string, found: PropertyDescriptor, reads: ReadLog): void {
  Object.defineProperty(holder, name, {
    ...found,
    get() {
      const value: unknown = found.get?.call(this)
      if (value !== undefined && value !== null) reads.readProperty(name)
      return value
    },
  })
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
