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
  const { headers } = request
  setFields(request, reads.watch(headers))
  watchPersonal(request, PERSONAL, reads)
  // What a parser makes of no Cookie field is the same for all who send none, and its absence is selected by.
  if (headers.cookie !== undefined || guard.ignore.has('cookie')) watchParser(request, reads)
}

/** HTTP/2's compatibility API has `headers` as a getter without setter. */
export function setFields(request: IncomingMessage, headers: IncomingHttpHeaders): void {
  if (request.httpVersionMajor === 2) {
    Object.defineProperty(request, 'headers', { value: headers, configurable: true, writable: true, enumerable: true })
  } else request.headers = headers
}

/**
 * The accessors put on requests are the same functions for all of them; what they work on is found here. V8 keeps
 * accessors with the shape of an object, in memory that only a full collection frees: with functions of its own, each
 * request would have a shape of its own, and all it refers to would live until then.
 */
const WATCHED: unique symbol = Symbol('breakwater.watched')

interface Watchable {
  [WATCHED]?: { readonly reads: ReadLog; readonly values: Record<string, unknown> }
}

/** Watches those of the properties that are there already: what comes later comes from the handler's own side. */
export function watchPersonal(holder: object, names: readonly string[], reads: ReadLog): void {
  if (!hasPersonal(holder)) return
  for (const name of names) {
    if (!(name in holder)) continue
    const found = propertyOf(holder, name)
    if (found?.configurable === false) continue
    if (found?.get !== undefined) watch(holder, name, reads, { ...found, get: watchedGetter(name, found.get) })
    else if (found?.value !== undefined && found.value !== null) {
      watch(holder, name, reads, { ...watchedValue(name), enumerable: found.enumerable ?? true }, found.value)
    }
  }
}

/** Mostly there is none of them. Written out, because V8 looks constant names up many times faster. */
function hasPersonal(holder: object): boolean {
  return 'user' in holder || 'session' in holder || 'auth' in holder || 'cookies' in holder || 'signedCookies' in holder
}

/**
 * A cookie parser within the cache reads the Cookie field whatever the handler wants. Once it sets `cookies`, the
 * field counts as unread, if the parser was the only one to read it, and what it sets is watched instead.
 */
function watchParser(request: object, reads: ReadLog): void {
  for (const { name, accessor } of PARSED) if (!(name in request)) watch(request, name, reads, accessor)
}

function watch(
  holder: object & Watchable,
  name: string,
  reads: ReadLog,
  accessor: PropertyDescriptor,
  value?: unknown,
): void {
  if (!Object.hasOwn(holder, WATCHED)) Object.defineProperty(holder, WATCHED, { value: { reads, values: {} } })
  if (holder[WATCHED] !== undefined) holder[WATCHED].values[name] = value
  Object.defineProperty(holder, name, accessor)
}

const valueAccessors = new Map<string, PropertyDescriptor>()

/** For a value that an earlier middleware has put there. */
function watchedValue(name: string): PropertyDescriptor {
  const known = valueAccessors.get(name)
  if (known !== undefined) return known
  const accessor: PropertyDescriptor = {
    configurable: true,
    get(this: Watchable) {
      this[WATCHED]?.reads.readProperty(name)
      return this[WATCHED]?.values[name]
    },
    set(this: Watchable, next: unknown) {
      if (this[WATCHED] !== undefined) this[WATCHED].values[name] = next
    },
  }
  valueAccessors.set(name, accessor)
  return accessor
}

const getters = new WeakMap<() => unknown, () => unknown>()

/** An accessor may do work, such as opening a session: it is not run until the handler asks. */
function watchedGetter(name: string, get: () => unknown): () => unknown {
  const known = getters.get(get)
  if (known !== undefined) return known
  const watched = function (this: Watchable): unknown {
    const value = get.call(this)
    if (value !== undefined && value !== null) this[WATCHED]?.reads.readProperty(name)
    return value
  }
  getters.set(get, watched)
  return watched
}

/** What a cookie parser sets. It reads its own work while it is at it, which is over once it sets it anew. */
const PARSED: readonly { readonly name: string; readonly accessor: PropertyDescriptor }[] = [
  'cookies',
  'signedCookies',
].map((name) => ({ name, accessor: parsedValue(name) }))

function parsedValue(name: string): PropertyDescriptor {
  return {
    configurable: true,
    enumerable: true,
    get(this: Watchable) {
      const value = this[WATCHED]?.values[name]
      if (value !== undefined) this[WATCHED]?.reads.readProperty(name)
      return value
    },
    set(this: Watchable, next: unknown) {
      const watched = this[WATCHED]
      if (watched === undefined) return
      watched.values[name] = next
      watched.reads.forgive(name)
      if (name === 'cookies') watched.reads.forgiveCookie()
    },
  }
}
