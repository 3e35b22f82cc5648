import { parseOrigin } from './origin.ts'

/** The parts of undici's key that tell one URL from another. */
interface Located {
  readonly origin: string
  readonly path: string
}

type RequestFields = Readonly<Record<string, string | readonly string[] | null | undefined>>

/** The key of a URL's index. Each part carries its length, so that no two URLs can share a key. */
export function indexKey({ origin, path }: Located): string {
  const parsed = parseOrigin(origin)
  const name = parsed === undefined ? String(origin) : `${parsed.scheme}://${parsed.authority}`
  return `undici|${name.length}:${name}${path.length}:${path}`
}

/** The key of one answer: its URL, the index's generation, its method, and the values of its selecting fields. */
export function answerKey(
  index: string,
  generation: string,
  method: string,
  names: readonly string[],
  fields: RequestFields | undefined,
): string {
  let key = `${index}|${generation}|${method}`
  for (const name of names) {
    const value = fields?.[name]
    const text = value === undefined || value === null ? undefined : [value].flat().join(', ')
    key += text === undefined ? `|${name}-` : `|${name}=${text.length}:${text}`
  }
  return key
}

/** The values of selecting fields in a request, as undici wants them told: null where absent. */
export function selectingValues(
  names: readonly string[],
  fields: RequestFields | undefined,
): Record<string, string | string[] | null> {
  return Object.fromEntries(names.map((name) => [name, (fields?.[name] ?? null) as string | string[] | null]))
}
