import { cacheStatus } from '../http/cache-status.ts'
import { formatHttpDate, parseHttpDate } from '../http/date.ts'
import { type FieldLines, type Fields, fieldsOf, firstLine, type RequestHead } from '../http/message.ts'
import { storedLines } from './policy/freshen.ts'
import { initialAge } from './policy/freshness.ts'
import type { Profile } from './policy/profile.ts'
import type { Storable, StorageRule } from './policy/storable.ts'

/** The part of a representation that a 206 brought; positions in bytes, `end` inclusive. */
export interface StoredRange {
  readonly start: number
  readonly end: number
  readonly size: number
}

/** Everything the cache knows of a stored response but its body. Plain data: it survives JSON. */
export interface EntryData {
  readonly kind: 'response'
  /** Names this body; with `version` it is the body identity that other layers may remember encodings by. */
  readonly id: string
  /** Raised whenever the fields are freshened. */
  readonly version: number
  readonly status: number
  readonly statusText: string
  readonly lines: readonly string[]
  readonly scheme: string
  readonly authority: string
  readonly target: string
  readonly bornAt: number
  readonly lifetime: number
  readonly source: string
  readonly staleWhileRevalidate: number
  readonly staleIfError: number | undefined
  readonly staleForbidden: boolean
  readonly noCache: boolean
  /** It will not change while it is fresh (RFC 8246). */
  readonly immutable: boolean
  readonly expiredAt: number | undefined
  readonly vary: readonly string[]
  readonly groups: readonly string[]
  readonly range: StoredRange | undefined
  /** The newest ban this entry is known to have passed. */
  readonly bansPassed: number
  /** The log of purges that this is a number of; undefined where nobody shares one. */
  readonly banLog: string | undefined
  /** The handler enumerated the request's fields, so what it read is not known. */
  readonly headersCopied: boolean
  /** Personal properties of the request that the handler read while they were unset. */
  readonly absences: readonly string[]
  /** The bridge's own remark on how the answer was given. */
  readonly note: string | undefined
}

/** A stored response. A near store keeps the instance; from a far store it is revived. */
export class Entry implements EntryData {
  readonly kind = 'response'
  readonly id: string
  readonly version: number
  readonly status: number
  readonly statusText: string
  readonly lines: readonly string[]
  readonly scheme: string
  readonly authority: string
  readonly target: string
  readonly bornAt: number
  readonly lifetime: number
  readonly source: string
  readonly staleWhileRevalidate: number
  readonly staleIfError: number | undefined
  readonly staleForbidden: boolean
  readonly noCache: boolean
  readonly immutable: boolean
  expiredAt: number | undefined
  readonly vary: readonly string[]
  readonly groups: readonly string[]
  readonly range: StoredRange | undefined
  bansPassed: number
  readonly banLog: string | undefined
  readonly headersCopied: boolean
  readonly absences: readonly string[]
  readonly note: string | undefined
  /** Worked out on first use, never stored. */
  #validators: EntryValidators | undefined
  #whole: LinesOfSecond = NO_LINES
  #notModified: LinesOfSecond = NO_LINES

  constructor(data: EntryData) {
    this.id = data.id
    this.version = data.version
    this.status = data.status
    this.statusText = data.statusText
    this.lines = data.lines
    this.scheme = data.scheme
    this.authority = data.authority
    this.target = data.target
    this.bornAt = data.bornAt
    this.lifetime = data.lifetime
    this.source = data.source
    this.staleWhileRevalidate = data.staleWhileRevalidate
    this.staleIfError = data.staleIfError
    this.staleForbidden = data.staleForbidden
    this.noCache = data.noCache
    this.immutable = data.immutable
    this.expiredAt = data.expiredAt
    this.vary = data.vary
    this.groups = data.groups
    this.range = data.range
    this.bansPassed = data.bansPassed
    this.banLog = data.banLog
    this.headersCopied = data.headersCopied
    this.absences = data.absences
    this.note = data.note
  }

  get validators(): EntryValidators {
    this.#validators ??= entryValidators(fieldsOf(this.lines))
    return this.#validators
  }

  /** Seconds since the response was made: the Age field (RFC 9111 section 5.1). */
  age(now: number): number {
    return Math.max(0, Math.floor((now - this.bornAt) / 1000))
  }

  /** Seconds of freshness left by that age; negative when stale. */
  ttl(now: number): number {
    const left = Math.floor(this.lifetime / 1000) - this.age(now)
    return this.expiredAt === undefined ? left : Math.min(left, Math.floor((this.expiredAt - now) / 1000))
  }

  /** The field lines of a plain hit with Age and Cache-Status; the same array for a whole second. */
  hitLines(now: number, name: string | false): string[] {
    const second = this.age(now)
    const known = this.#whole
    if (known.second === second && known.name === name) return known.lines
    this.#whole = { second, name, lines: this.#complete(this.lines, second, name, now) }
    return this.#whole.lines
  }

  /** The field lines of a 304 answered from this entry, likewise (RFC 9110 section 15.4.5). */
  notModifiedLines(now: number, name: string | false): string[] {
    const second = this.age(now)
    const known = this.#notModified
    if (known.second === second && known.name === name) return known.lines
    const lines = withoutFields(this.lines, CONTENT_FIELDS)
    this.#notModified = { second, name, lines: this.#complete(lines, second, name, now) }
    return this.#notModified.lines
  }

  #complete(lines: FieldLines, second: number, name: string | false, now: number): string[] {
    const complete = [...lines, 'Age', String(second)]
    if (name !== false) complete.push('Cache-Status', cacheStatus(name, { hit: true, ttl: this.ttl(now) }))
    return complete
  }

  /** The same response under other lines or times. */
  with(changes: Partial<EntryData>): Entry {
    return new Entry({ ...this.toJSON(), ...changes })
  }

  toJSON(): EntryData {
    return { ...this }
  }
}

/** Lines that hold for one second of an entry's age and one cache name. */
interface LinesOfSecond {
  readonly second: number
  readonly name: string | false
  readonly lines: string[]
}

const NO_LINES: LinesOfSecond = { second: -1, name: false, lines: [] }

/** Fields about content, which an answer without content leaves out. */
export const CONTENT_FIELDS: ReadonlySet<string> = new Set([
  'content-length',
  'content-type',
  'content-encoding',
  'content-language',
  'content-range',
])

/** Field lines without those of the given names. */
export function withoutFields(lines: FieldLines, names: ReadonlySet<string>): string[] {
  const kept: string[] = []
  for (let i = 0; i + 1 < lines.length; i += 2) {
    if (!names.has((lines[i] as string).toLowerCase())) kept.push(lines[i] as string, lines[i + 1] as string)
  }
  return kept
}

/** What conditional requests compare with. */
export interface EntryValidators {
  readonly etag?: string
  readonly lastModified?: string
  /** ms */
  readonly date?: number
}

function entryValidators(fields: Fields): EntryValidators {
  const etag = firstLine(fields.etag)
  const lastModified = firstLine(fields['last-modified'])
  const date = parseHttpDate(firstLine(fields.date) ?? '')
  return {
    ...(etag === undefined ? {} : { etag }),
    ...(lastModified === undefined ? {} : { lastModified }),
    ...(date === undefined ? {} : { date }),
  }
}

/** How long a store should keep an entry: as long as it can be of any use, ms. */
export function storeLifetime(entry: EntryData, profile: Profile, now: number): number {
  const left = entry.bornAt + entry.lifetime - now
  const useful = entry.staleForbidden ? VALIDATION_TIME : Math.max(entry.staleWhileRevalidate, profile.maxStale)
  return Math.max(1000, left + useful)
}

/** An entry that may only be validated is kept this long past its freshness, ms. */
const VALIDATION_TIME = 60 * 60 * 1000

/** What is known when a response is described. */
export interface Described {
  readonly id: string
  readonly request: RequestHead
  readonly status: number
  readonly statusText: string
  readonly lines: FieldLines
  readonly requestTime: number
  readonly responseTime: number
  readonly judged: Storable
  readonly rule: StorageRule
  readonly groups: readonly string[]
  /** All selecting fields: those of Vary, the mount's own and the implied ones. */
  readonly vary: readonly string[]
  readonly range: StoredRange | undefined
  readonly bansPassed: number
  readonly banLog: string | undefined
  readonly headersCopied: boolean
  readonly absences: readonly string[]
  readonly note: string | undefined
  /** Fields that tell the answer's age, where they are not those of `lines`: a 304's own. */
  readonly ageFields?: Fields
  readonly version?: number
}

/** An entry for a response that was judged storable. */
export function describeEntry(described: Described, profile: Profile): Entry {
  const { judged, rule, request } = described
  const { control } = judged.directives
  const lines = storedLines(described.lines, judged.fields, omittedFields(judged, profile))
  if (judged.fields.date === undefined) {
    // RFC 9110 section 6.6.1: a recipient with a clock records the time of reception.
    lines.push('Date', formatHttpDate(described.responseTime))
  }
  return new Entry({
    kind: 'response',
    id: described.id,
    version: described.version ?? 1,
    status: described.status,
    statusText: described.statusText,
    lines,
    scheme: request.scheme,
    authority: request.authority,
    target: request.target,
    bornAt: described.responseTime - initialAge(described.ageFields ?? judged.fields, described, profile.direction),
    lifetime: judged.freshness.lifetime,
    source: judged.freshness.source,
    staleWhileRevalidate: seconds(control.staleWhileRevalidate) ?? rule.staleWhileRevalidate ?? 0,
    staleIfError: seconds(control.staleIfError) ?? rule.staleIfError,
    staleForbidden:
      control.mustRevalidate ||
      (profile.shared && (control.proxyRevalidate || (profile.sMaxageRevalidates && control.sMaxage !== undefined))),
    noCache: control.noCache === true,
    immutable: control.immutable,
    expiredAt: undefined,
    vary: described.vary,
    groups: described.groups,
    range: described.range,
    bansPassed: described.bansPassed,
    banLog: described.banLog,
    headersCopied: described.headersCopied,
    absences: described.absences,
    note: described.note,
  })
}

const seconds = (value: number | undefined): number | undefined => (value === undefined ? undefined : value * 1000)

/**
 * Fields that must not be sent from the store: those that qualified no-cache names, which need validation each time,
 * and in a shared cache those that qualified private names (RFC 9111 sections 5.2.2.4 and 5.2.2.7).
 */
function omittedFields({ directives: { control } }: Storable, profile: Profile): ReadonlySet<string> | undefined {
  const noCache = typeof control.noCache === 'object' ? control.noCache : []
  const secret = profile.shared && typeof control.private === 'object' ? control.private : []
  return noCache.length + secret.length === 0 ? undefined : new Set([...noCache, ...secret])
}

/** Whether an item's metadata is an entry's as far as purges look at it; `reviveEntry` looks closer. */
export function isEntryData(
  meta: object,
): meta is Pick<EntryData, 'bansPassed' | 'banLog' | 'groups' | 'target' | 'authority'> {
  const { kind, target, groups, bansPassed } = meta as Partial<EntryData>
  return kind === 'response' && typeof target === 'string' && typeof bansPassed === 'number' && isStrings(groups)
}

/** Revives what a far store gave back; undefined unless it is whole. */
export function reviveEntry(meta: object): Entry | undefined {
  if (meta instanceof Entry) return meta
  const data = meta as Partial<EntryData>
  const whole =
    data.kind === 'response' &&
    typeof data.id === 'string' &&
    typeof data.version === 'number' &&
    Number.isInteger(data.status) &&
    typeof data.statusText === 'string' &&
    typeof data.bansPassed === 'number' &&
    isOptional('string', data.banLog) &&
    isOptional('number', data.staleIfError) &&
    isOptional('number', data.expiredAt) &&
    isOptional('object', data.range) &&
    isOptional('string', data.note) &&
    typeof data.bornAt === 'number' &&
    typeof data.lifetime === 'number' &&
    typeof data.staleWhileRevalidate === 'number' &&
    typeof data.staleForbidden === 'boolean' &&
    typeof data.noCache === 'boolean' &&
    isOptional('boolean', data.immutable) &&
    typeof data.target === 'string' &&
    typeof data.authority === 'string' &&
    isStrings(data.lines) &&
    data.lines.length % 2 === 0 &&
    isStrings(data.vary) &&
    isStrings(data.groups) &&
    (data.absences === undefined || isStrings(data.absences))
  if (!whole) return undefined
  // What was stored before these were noted has none.
  return new Entry({ ...(data as EntryData), absences: data.absences ?? [], immutable: data.immutable ?? false })
}

function isOptional(type: 'number' | 'string' | 'boolean' | 'object', value: unknown): boolean {
  return value === undefined || (typeof value === type && value !== null)
}

function isStrings(value: unknown): value is readonly string[] {
  return Array.isArray(value) && value.every((item) => typeof item === 'string')
}
