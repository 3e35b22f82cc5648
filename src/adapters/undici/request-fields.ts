import type { Fields } from '../../core/http/message.ts'

/** Request fields in a form that can be read any number of times: a record, or name, value, name, value … */
export type KeptHeaders = Record<string, unknown> | unknown[] | null | undefined

const NONE: Fields = Object.freeze(Object.create(null))

/** Whether these can be read once more without harm. */
export function isKept(headers: unknown): headers is KeptHeaders {
  if (headers === undefined || headers === null) return true
  if (Array.isArray(headers)) return !Array.isArray(headers[0])
  return typeof headers === 'object' && typeof (headers as Partial<Iterable<unknown>>)[Symbol.iterator] !== 'function'
}

/** Pairs of any kind (Headers, Map, generator, array of pairs) as a flat array; undefined if they are no pairs. */
export function keepPairs(headers: unknown): unknown[] | undefined {
  if (typeof headers !== 'object' || headers === null) return undefined
  const flat: unknown[] = []
  let arePairs = true
  for (const pair of headers as Iterable<unknown>) {
    if (Array.isArray(pair) && pair.length === 2) flat.push(pair[0], pair[1])
    else arePairs = false
  }
  return arePairs ? flat : undefined
}

/** The fields by lower-case name; undefined where undici would refuse them. */
export function fieldsFrom(headers: KeptHeaders): Fields | undefined {
  if (headers === undefined || headers === null) return NONE
  const fields: Record<string, string | string[]> = Object.create(null)
  if (!Array.isArray(headers)) {
    for (const name in headers) if (Object.hasOwn(headers, name)) add(fields, name, headers[name])
    return fields
  }
  if (headers.length % 2 !== 0) return undefined
  for (let i = 0; i < headers.length; i += 2) {
    const name: unknown = headers[i]
    if (typeof name !== 'string') return undefined
    add(fields, name, headers[i + 1])
  }
  return fields
}

function add(fields: Record<string, string | string[]>, name: string, value: unknown): void {
  if (value === undefined) return
  if (Array.isArray(value)) {
    for (const line of value) add(fields, name, line)
    return
  }
  const lower = name.toLowerCase()
  const line = typeof value === 'string' ? value : value === null ? '' : String(value)
  const known = fields[lower]
  if (known === undefined) fields[lower] = line
  else if (typeof known === 'string') fields[lower] = [known, line]
  else known.push(line)
}

/** Fields that a cache's own validators replace: with any of these beside them, the answer would not be to them alone. */
const REPLACED = new Set(['if-none-match', 'if-modified-since', 'if-range', 'range'])

/** The same fields with validators in place of the client's own conditions (RFC 9111 section 4.3.1). */
export function withConditions(headers: KeptHeaders, conditions: Readonly<Record<string, string>>): string[] {
  const entries: [string, unknown][] = Array.isArray(headers)
    ? Array.from({ length: headers.length / 2 }, (_, i) => [String(headers[2 * i]), headers[2 * i + 1]])
    : Object.entries(headers ?? {})
  const lines: unknown[] = []
  for (const [name, value] of entries) if (!REPLACED.has(name.toLowerCase())) lines.push(name, value)
  for (const name in conditions) lines.push(name, conditions[name])
  return lines as string[]
}
