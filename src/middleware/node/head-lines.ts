import type { OutgoingHttpHeader, OutgoingHttpHeaders, ServerResponse } from 'node:http'
import { lowerName } from '../../core/http/message.ts'

/** The header fields a response had when the cache was entered: they belong to that request, not to the answer. */
export type FieldsBefore = ReadonlyMap<string, OutgoingHttpHeader | undefined> | undefined

/** What `writeHead` was given, in one form. */
export interface HeadArguments {
  readonly status: number
  readonly reason: string | undefined
  /** Flat: name, value, name, value …; undefined if no fields were given. */
  readonly fields: readonly OutgoingHttpHeader[] | undefined
}

/** Reads the arguments of `writeHead(status, [reason], [headers])`; headers may be an object, flat pairs or pairs. */
export function headArguments(args: readonly unknown[]): HeadArguments {
  // As frameworks call it.
  if (args.length === 1) return { status: Number(args[0]), reason: undefined, fields: undefined }
  const [status, second, third] = args
  const reason = typeof second === 'string' ? second : undefined
  const given = typeof second === 'string' ? third : (third ?? second)
  return { status: Number(status), reason, fields: flatFields(given) }
}

function flatFields(given: unknown): readonly OutgoingHttpHeader[] | undefined {
  if (given === undefined || given === null || typeof given !== 'object') return undefined
  if (!Array.isArray(given)) return pairsOf(given as OutgoingHttpHeaders)
  return Array.isArray(given[0]) ? (given as OutgoingHttpHeader[][]).flat() : (given as OutgoingHttpHeader[])
}

function pairsOf(given: OutgoingHttpHeaders): readonly OutgoingHttpHeader[] {
  const flat: OutgoingHttpHeader[] = []
  for (const name of Object.keys(given)) {
    const value = given[name]
    if (value !== undefined) flat.push(name, value)
  }
  return flat
}

/** A copy: `appendHeader` adds to an array in place. */
export function fieldsBefore(response: ServerResponse): FieldsBefore {
  const names = response.getHeaderNames()
  if (names.length === 0) return undefined
  const before = new Map<string, OutgoingHttpHeader | undefined>()
  for (const name of names) {
    const value = response.getHeader(name)
    before.set(name, Array.isArray(value) ? [...value] : value)
  }
  return before
}

/**
 * The field lines of the answer: what is set on the response and was not so before, and what `writeHead` was given,
 * which replaces fields of the same name. Cache-Control and its kin count whoever has set them: they bind all of the answer.
 */
export function headLines(response: ServerResponse, { fields }: HeadArguments, before: FieldsBefore): string[] {
  const lines: string[] = []
  const given = fields && lowerNames(fields)
  for (const name of rawNames(response)) {
    const lower = lowerName(name)
    const value = response.getHeader(lower)
    if (value === undefined || given?.has(lower)) continue
    if (!governs(lower) && isUnchanged(value, before?.get(lower))) continue
    addLines(lines, name, value)
  }
  if (fields === undefined) return lines
  for (let i = 0; i + 1 < fields.length; i += 2) {
    addLines(lines, String(fields[i]), fields[i + 1] as OutgoingHttpHeader)
  }
  return lines
}

function governs(lower: string): boolean {
  return lower === 'expires' || lower === 'pragma' || lower.endsWith('cache-control')
}

function lowerNames(fields: readonly OutgoingHttpHeader[]): ReadonlySet<string> {
  const names = new Set<string>()
  for (let i = 0; i + 1 < fields.length; i += 2) names.add(lowerName(String(fields[i])))
  return names
}

/** HTTP/2's compatibility API keeps lower-case names only. */
function rawNames(response: ServerResponse & { getRawHeaderNames?(): string[] }): readonly string[] {
  return response.getRawHeaderNames?.() ?? response.getHeaderNames()
}

function addLines(lines: string[], name: string, value: OutgoingHttpHeader): void {
  if (Array.isArray(value)) for (const line of value) lines.push(name, String(line))
  else lines.push(name, String(value))
}

function isUnchanged(value: OutgoingHttpHeader, before: OutgoingHttpHeader | undefined): boolean {
  return before !== undefined && (value === before || String(value) === String(before))
}

/**
 * The arguments of `writeHead` with one more member of a list field. What is given keeps its form, for layers outside
 * know only some of the forms; without given fields, or with others set already, the member is set on the response.
 */
export function withMember(
  response: ServerResponse,
  args: readonly unknown[],
  name: string,
  member: string,
): readonly unknown[] {
  const at = typeof args[1] === 'string' || (args[2] ?? undefined) !== undefined ? 2 : 1
  const given = args[at]
  const isSaid = flatFields(given)?.some((said, i) => i % 2 === 0 && isSame(said, name)) ?? false
  if (!isSaid && (typeof given !== 'object' || given === null || response.getHeaderNames().length > 0)) {
    const present = response.getHeader(name)
    response.setHeader(name, present === undefined ? member : `${[present].flat().join(', ')}, ${member}`)
    return args
  }
  const before = args.slice(0, at)
  if (!Array.isArray(given)) return [...before, withProperty(given as OutgoingHttpHeaders, name, member)]
  return [...before, Array.isArray(given[0]) ? [...given, [name, member]] : [...given, name, member]]
}

function withProperty(given: OutgoingHttpHeaders, name: string, member: string): OutgoingHttpHeaders {
  const key = Object.keys(given).find((said) => isSame(said, name))
  if (key === undefined) return { ...given, [name]: member }
  return { ...given, [key]: [given[key]].flat().concat(member).join(', ') }
}

function isSame(said: unknown, name: string): boolean {
  const text = String(said)
  return text.length === name.length && text.toLowerCase() === name.toLowerCase()
}
