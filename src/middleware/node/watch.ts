import type { IncomingHttpHeaders, IncomingMessage } from 'node:http'
import type { Exchange } from '../../core/cache/exchange.ts'
import type { MountSettings } from '../../core/cache/options.ts'
import { ReadLog } from '../../core/cache/read-log.ts'
import { propertyOf } from './getters.ts'
import { type MarkedRequest, READS } from './symbols.ts'

/** Notes what the handler of a request reads, for the answer's sharing. Nothing to do for private caches. */
export function watchReads(
  request: MarkedRequest,
  response: object,
  exchange: Exchange,
  { guard, profile }: MountSettings,
): void {
  if (guard.mode === 'off' || !profile.shared || !exchange.mayStore) return
  const reads = new ReadLog(exchange.request.authority, guard.ignore.size === 0 ? undefined : guard.ignore)
  exchange.reads = reads
  request[READS] = reads
  const { headers, rawHeaders } = request
  setFields(request, reads.watch(headers))
  // One that did not come over a socket may have none.
  if (Array.isArray(rawHeaders)) setRawFields(request, new Proxy(rawHeaders, new RawFieldsWatch(reads)))
  // What a parser makes of no Cookie field is the same for all who send none, and its absence is selected by.
  const isParsed = headers.cookie !== undefined || guard.ignore.has('cookie')
  watchPersonal(request, isParsed ? OF_PARSED : OF_REQUEST, reads)
  watchLocals((response as { locals?: unknown }).locals, OF_LOCALS, reads)
}

/** HTTP/2's compatibility API has `headers` as a getter without setter. */
export function setFields(request: IncomingMessage, headers: IncomingHttpHeaders): void {
  if (request.httpVersionMajor === 2) {
    Object.defineProperty(request, 'headers', { value: headers, configurable: true, writable: true, enumerable: true })
  } else request.headers = headers
}

/** HTTP/2's has a getter for these, too. An accessor in their place would make a request slow to use: V8 gives up its shape. */
function setRawFields(request: IncomingMessage, value: string[]): void {
  if (request.httpVersionMajor === 2) {
    Object.defineProperty(request, 'rawHeaders', { value, configurable: true, writable: true, enumerable: true })
  } else request.rawHeaders = value
}

/** Proxy handler of the fields as they came. `headersDistinct` is made of them, too. */
class RawFieldsWatch implements ProxyHandler<string[]> {
  readonly #reads: ReadLog

  constructor(reads: ReadLog) {
    this.#reads = reads
  }

  get(fields: string[], name: string | symbol): unknown {
    this.#reads.readRaw()
    return Reflect.get(fields, name)
  }

  ownKeys(fields: string[]): (string | symbol)[] {
    this.#reads.readRaw()
    return Reflect.ownKeys(fields)
  }

  getOwnPropertyDescriptor(fields: string[], name: string | symbol): PropertyDescriptor | undefined {
    this.#reads.readRaw()
    return Reflect.getOwnPropertyDescriptor(fields, name)
  }
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

/**
 * Watches properties of a request, or of what middleware hangs on it. What is unset at the mount is watched until
 * somebody sets it: what comes later comes from the handler's own side.
 */
export function watchPersonal(holder: object, properties: readonly Personal[], reads: ReadLog): void {
  if (!Object.isExtensible(holder)) return
  const areUnset = hasNone(holder)
  for (const property of properties) {
    const { name } = property
    if (areUnset || !(name in holder)) {
      if (property.absent !== undefined) watch(holder, name, reads, property.absent)
      continue
    }
    const found = propertyOf(holder, name)
    if (found?.configurable === false) continue
    const { enumerable = true } = found ?? {}
    if (found?.get !== undefined) watch(holder, name, reads, { ...found, get: property.getter(found.get) })
    else if (isSet(found)) watch(holder, name, reads, { ...property.present, enumerable }, found?.value)
    else if (property.absent !== undefined) {
      watch(holder, name, reads, { ...property.absent, enumerable }, found?.value)
    }
  }
}

/**
 * Watches `res.locals` or `ctx.state`, which template engines are given as a copy: that reads what is unset, too. Where
 * nothing is set, a prototype that all of them share watches in the place of properties on each. A request could not do
 * with one: sub-apps of Express give it others.
 */
export function watchLocals(holder: unknown, properties: readonly Personal[], reads: ReadLog): void {
  if (typeof holder !== 'object' || holder === null || !Object.isExtensible(holder)) return
  if (hasNone(holder)) {
    note(holder, reads)
    Object.setPrototypeOf(holder, watchfulPrototype(Object.getPrototypeOf(holder), properties))
  } else watchPersonal(holder, properties, reads)
  Object.defineProperty(holder, COPIED, copied)
}

/** By what they inherit from, and by their properties; an object of our own in place of null. */
const watchful = new WeakMap<object, Map<readonly Personal[], object>>()
const NO_PROTOTYPE = {}

function watchfulPrototype(prototype: object | null, properties: readonly Personal[]): object {
  const key = prototype ?? NO_PROTOTYPE
  const known = watchful.get(key) ?? new Map<readonly Personal[], object>()
  watchful.set(key, known)
  const made = known.get(properties) ?? Object.create(prototype, absences(properties))
  known.set(properties, made)
  return made
}

function absences(properties: readonly Personal[]): PropertyDescriptorMap {
  const absent = properties.map(({ name, absent }) => [name, absent])
  return Object.fromEntries(absent.filter(([, descriptor]) => descriptor !== undefined))
}

/** Mostly there is none of them, and a constant name is looked up many times faster than one of a list. */
function hasNone(holder: object): boolean {
  return !hasPersonal(holder) && !hasCookies(holder)
}

/** Names of those properties that are set, after those `found` already. An accessor counts as set: it is not run. */
export function present(
  holder: object,
  properties: readonly Personal[],
  found?: readonly string[],
): readonly string[] | undefined {
  let names = found
  for (const { name, label } of properties) {
    if (!(name in holder)) continue
    const property = propertyOf(holder, name)
    if (property?.get !== undefined || isSet(property)) names = names === undefined ? [label] : [...names, label]
  }
  return names
}

/** What earlier middleware has put on a request for one person; undefined for nothing. */
export function personalOf(request: object, response: object): readonly string[] | undefined {
  const found = hasPersonal(request) || hasCookies(request) ? present(request, OF_REQUEST) : undefined
  const { locals } = response as { locals?: unknown }
  if (typeof locals !== 'object' || locals === null) return found
  return hasPersonal(locals) || hasCookies(locals) ? present(locals, OF_LOCALS, found) : found
}

export function hasPersonal(holder: object): boolean {
  return 'user' in holder || 'session' in holder || 'auth' in holder
}

function hasCookies(holder: object): boolean {
  return 'cookies' in holder || 'signedCookies' in holder
}

function isSet(property: PropertyDescriptor | undefined): boolean {
  return property?.value !== undefined && property.value !== null
}

function watch(
  holder: object & Watchable,
  name: string,
  reads: ReadLog,
  accessor: PropertyDescriptor,
  value?: unknown,
): void {
  note(holder, reads)
  if (value !== undefined && holder[WATCHED] !== undefined) holder[WATCHED].values[name] = value
  Object.defineProperty(holder, name, accessor)
}

function note(holder: object & Watchable, reads: ReadLog): void {
  if (!Object.hasOwn(holder, WATCHED)) holder[WATCHED] = { reads, values: {} }
}

/** One property in which other middleware keeps what belongs to one person. */
export interface Personal {
  readonly name: string
  /** What it is called where it is not one of the request. */
  readonly label: string
  /** For a value that an earlier middleware has put there. */
  readonly present: PropertyDescriptor
  /** For none. Once it is set it is a property as any other. Undefined: that there is none says nothing of anybody. */
  readonly absent: PropertyDescriptor | undefined
  /** An accessor may do work, such as opening a session: it is not run until the handler asks. */
  readonly getter: (get: () => unknown) => () => unknown
}

function personal(name: string, label: string): Personal {
  const getters = new WeakMap<() => unknown, () => unknown>()
  return {
    name,
    label,
    present: {
      configurable: true,
      get(this: Watchable) {
        this[WATCHED]?.reads.readProperty(label)
        return this[WATCHED]?.values[name]
      },
      set(this: Watchable, next: unknown) {
        if (this[WATCHED] !== undefined) this[WATCHED].values[name] = next
      },
    },
    absent: {
      configurable: true,
      enumerable: false,
      get(this: Watchable) {
        this[WATCHED]?.reads.readAbsence(label)
        return this[WATCHED]?.values[name]
      },
      set(this: object, value: unknown) {
        Object.defineProperty(this, name, { value, configurable: true, enumerable: true, writable: true })
      },
    },
    getter(get) {
      const known = getters.get(get)
      if (known !== undefined) return known
      const watched = function (this: Watchable): unknown {
        const value = get.call(this)
        // Even nothing tells of the person: whether the next one has something is not known without running it.
        this[WATCHED]?.reads.readProperty(label)
        return value
      }
      getters.set(get, watched)
      return watched
    },
  }
}

const PERSONAL = ['user', 'session', 'auth']
const COOKIES = ['cookies', 'signedCookies']
/** Where there are no signed cookies nobody parses them; and templates are not given cookies by anybody's habit. */
const unlessSet = (name: string, label: string, absent?: PropertyDescriptor): Personal => ({
  ...personal(name, label),
  absent,
})
const OF_REQUEST = [
  ...[...PERSONAL, 'cookies'].map((name) => personal(name, name)),
  unlessSet('signedCookies', 'signedCookies'),
]
const OF_PARSED = OF_REQUEST.map((property) =>
  COOKIES.includes(property.name) ? unlessSet(property.name, property.name, parsedValue(property.name)) : property,
)
const OF_LOCALS = [
  ...PERSONAL.map((name) => personal(name, `locals.${name}`)),
  ...COOKIES.map((name) => unlessSet(name, `locals.${name}`)),
]
/** Of Koa's `ctx` and `ctx.state`. */
export const OF_CONTEXT: readonly Personal[] = PERSONAL.map((name) => personal(name, name))

/** Read by whoever copies all properties of a holder. */
export const COPIED: unique symbol = Symbol('breakwater.copied')

const copied: PropertyDescriptor = {
  configurable: true,
  enumerable: true,
  get(this: Record<string, unknown>) {
    for (const { name } of OF_LOCALS) void this[name]
  },
}

/**
 * A cookie parser within the cache reads the Cookie field whatever the handler wants. Once it sets `cookies`, the
 * field counts as unread, if the parser was the only one to read it, and what it sets is watched instead. It reads its
 * own work while it is at it, which is over once it sets it anew.
 */
function parsedValue(name: string): PropertyDescriptor {
  return {
    configurable: true,
    enumerable: true,
    get(this: Watchable) {
      const value = this[WATCHED]?.values[name]
      if (value !== undefined) this[WATCHED]?.reads.readProperty(name)
      else this[WATCHED]?.reads.readAbsence(name)
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
