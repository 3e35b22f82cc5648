import { memoised } from './memo.ts'

/** The value of one header field: one line, several lines, or absent. */
export type FieldValue = string | readonly string[] | undefined

/** Header fields by lower-case name, as Node's `request.headers` gives them. */
export type Fields = { readonly [name: string]: FieldValue }

/** Field lines as they stand on the wire: name, value, name, value … Names keep their case, repeated fields their order. */
export type FieldLines = readonly string[]

/** What a bridge knows of a request before anything is decided. */
export interface RequestHead {
  /** Upper-case. */
  readonly method: string
  /** `http` or `https`. */
  readonly scheme: string
  /** Host and port, as the client named them, lower-case. */
  readonly authority: string
  /** Path and query, as received. */
  readonly target: string
  readonly fields: Fields
  /** Whether content follows (Content-Length above 0, or Transfer-Encoding). */
  readonly hasBody: boolean
  /** Names of what earlier middleware has put on the request for one person, such as `user`; undefined for none. */
  readonly personal?: readonly string[] | undefined
  /** Which of a process' applications was asked, where several share a cache without having been told to. */
  readonly realm?: string | undefined
}

/** What a bridge knows of a response once its head is final. */
export interface ResponseHead {
  readonly status: number
  readonly statusText?: string | undefined
  readonly lines: FieldLines
  /** What the bridge wants to be told again with each answer from the store; never sent. */
  readonly note?: string | undefined
  /** The origin was not asked, or gave nothing: this was made in its place, and is not stored. */
  readonly lost?: boolean | undefined
}

/** All lines of a field as one value, joined by ", " (RFC 9110 section 5.2); undefined if absent. */
export function combined(value: FieldValue): string | undefined {
  return value === undefined || typeof value === 'string' ? value : value.join(', ')
}

/** The first line of a field; undefined if absent. */
export function firstLine(value: FieldValue): string | undefined {
  return value === undefined || typeof value === 'string' ? value : value[0]
}

/**
 * A field name in lower case. Names come again and again, and a string that stands in a Map is found in records many
 * times faster than one just made.
 */
export const lowerName: (name: string) => string = memoised((name) => name.toLowerCase(), 1024)

/** Field lines as a record by lower-case name; a field with several lines becomes an array. */
export function fieldsOf(lines: FieldLines): Record<string, string | string[]> {
  const fields: Record<string, string | string[]> = Object.create(null)
  for (let i = 0; i + 1 < lines.length; i += 2) {
    const name = lowerName(lines[i] as string)
    const value = lines[i + 1] as string
    const known = fields[name]
    if (known === undefined) fields[name] = value
    else if (typeof known === 'string') fields[name] = [known, value]
    else known.push(value)
  }
  return fields
}
