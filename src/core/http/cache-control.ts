import { parseDeltaSeconds } from './delta-seconds.ts'
import { type Directive, scanDirectives } from './directives.ts'
import { parseFieldNames } from './field-names.ts'
import { memoised } from './memo.ts'
import type { FieldValue } from './message.ts'

/** Cache-Control of a request or a response (RFC 9111 section 5.2, RFC 5861, RFC 8246). Durations are seconds. */
export interface CacheControl {
  readonly maxAge?: number | undefined
  readonly sMaxage?: number | undefined
  /** Infinity when it has no argument: the client takes a response of any staleness. */
  readonly maxStale?: number | undefined
  readonly minFresh?: number | undefined
  readonly staleWhileRevalidate?: number | undefined
  readonly staleIfError?: number | undefined
  readonly noStore: boolean
  readonly mustRevalidate: boolean
  readonly proxyRevalidate: boolean
  readonly mustUnderstand: boolean
  readonly noTransform: boolean
  readonly onlyIfCached: boolean
  readonly immutable: boolean
  readonly public: boolean
  /** True, or the lower-case field names of the qualified form. */
  readonly noCache: boolean | readonly string[]
  /** True, or the lower-case field names of the qualified form. */
  readonly private: boolean | readonly string[]
}

/** A CacheControl under construction. Every property exists from the start, so all of them share one shape. */
export type MutableCacheControl = { -readonly [K in keyof CacheControl]-?: CacheControl[K] }

export function emptyCacheControl(): MutableCacheControl {
  return {
    maxAge: undefined,
    sMaxage: undefined,
    maxStale: undefined,
    minFresh: undefined,
    staleWhileRevalidate: undefined,
    staleIfError: undefined,
    noStore: false,
    mustRevalidate: false,
    proxyRevalidate: false,
    mustUnderstand: false,
    noTransform: false,
    onlyIfCached: false,
    immutable: false,
    public: false,
    noCache: false,
    private: false,
  }
}

/**
 * What is unclear is read the strict way: an invalid max-age is 0, of duplicates the stricter counts, a malformed
 * qualified form is the unqualified one, and a field whose quotes do not match is `no-store`.
 */
export function parseCacheControl(value: FieldValue): CacheControl {
  if (value === undefined || value.length === 0) return ABSENT
  if (typeof value === 'string') return parseLine(value)
  return value.length === 1 ? parseLine(value[0] as string) : parseLines(value)
}

const ABSENT: CacheControl = emptyCacheControl()

const parseLine = memoised((line) => parseLines([line]))

// Line by line, so that a quote left open in one line cannot swallow the directives of the next.
function parseLines(lines: readonly string[]): CacheControl {
  const control = emptyCacheControl()
  for (const line of lines) {
    if (!scanDirectives(line, (directive) => apply(control, directive))) control.noStore = true
  }
  return control
}

function apply(control: MutableCacheControl, directive: Directive): void {
  switch (directive.name) {
    case 'max-age':
      control.maxAge = smaller(control.maxAge, delta(directive) ?? 0)
      break
    case 's-maxage':
      control.sMaxage = smaller(control.sMaxage, delta(directive) ?? 0)
      break
    case 'stale-while-revalidate':
      control.staleWhileRevalidate = smaller(control.staleWhileRevalidate, delta(directive) ?? 0)
      break
    case 'stale-if-error':
      control.staleIfError = smaller(control.staleIfError, delta(directive) ?? 0)
      break
    case 'max-stale':
      control.maxStale = smaller(control.maxStale, isBare(directive) ? Number.POSITIVE_INFINITY : delta(directive))
      break
    case 'min-fresh':
      control.minFresh = larger(control.minFresh, delta(directive))
      break
    case 'no-cache':
      control.noCache = united(control.noCache, fieldNames(directive))
      break
    case 'private':
      control.private = united(control.private, fieldNames(directive))
      break
    // These forbid, so they count even with an argument or something else behind them.
    case 'no-store':
      control.noStore = true
      break
    case 'must-revalidate':
      control.mustRevalidate = true
      break
    case 'proxy-revalidate':
      control.proxyRevalidate = true
      break
    case 'no-transform':
      control.noTransform = true
      break
    case 'only-if-cached':
      control.onlyIfCached = true
      break
    // These allow, so they have to stand there as defined.
    case 'must-understand':
      control.mustUnderstand ||= isBare(directive)
      break
    case 'immutable':
      control.immutable ||= isBare(directive)
      break
    case 'public':
      control.public ||= isBare(directive)
      break
  }
}

function isBare(directive: Directive): boolean {
  return directive.argument === undefined && directive.wellFormed
}

function delta(directive: Directive): number | undefined {
  return directive.wellFormed && directive.argument !== undefined ? parseDeltaSeconds(directive.argument) : undefined
}

function smaller(known: number | undefined, next: number | undefined): number | undefined {
  return known === undefined || next === undefined ? (known ?? next) : Math.min(known, next)
}

function larger(known: number | undefined, next: number | undefined): number | undefined {
  return known === undefined || next === undefined ? (known ?? next) : Math.max(known, next)
}

/** The names of a qualified form; true for the unqualified form and for anything malformed (RFC 9111 section 5.2.2.4). */
function fieldNames(directive: Directive): true | readonly string[] {
  return directive.wellFormed && directive.argument !== undefined ? qualified(directive.argument) : true
}

/** The field names in the argument of `no-cache` or `private`; true if there are none that can be trusted. */
export function qualified(argument: string): true | readonly string[] {
  const names = parseFieldNames(argument)
  return names === undefined || names.length === 0 ? true : names
}

/** More field names than this are read as the unqualified form, which covers them all. */
const MOST_NAMES = 64

/** Both restrictions together; the unqualified form covers every qualified one. */
export function united(known: boolean | readonly string[], next: true | readonly string[]): true | readonly string[] {
  if (known === true || next === true) return true
  if (known === false) return next
  // Joining them costs by the square of their number, and that is the sender's to choose.
  const names = [...new Set([...known, ...next])]
  return names.length > MOST_NAMES ? true : names
}
