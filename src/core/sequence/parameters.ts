import { quote } from '../options.ts'
import { plainInteger } from './integer.ts'
import { uriText } from './link.ts'
import { PageError } from './page-error.ts'
import { parseQuery, type QueryParameter } from './query.ts'

/** The parameters of a query, with those that a router understands apart from all others. */
export interface OwnParameters {
  readonly asked: ReadonlyMap<string, string>
  /** Their `text` as it may stand in a URI. */
  readonly kept: readonly QueryParameter[]
}

/**
 * Reads a query for a router that understands `names`.
 *
 * @throws PageError with status 400 for a name that is given twice or, as other parsers have it, as `name[]`.
 */
export function ownParameters(query: string, names: readonly string[]): OwnParameters {
  const asked = new Map<string, string>()
  const kept: QueryParameter[] = []
  for (const parameter of parseQuery(query)) {
    const { name, value, text } = parameter
    if (names.includes(name) && !asked.has(name)) asked.set(name, value)
    else {
      // One of ours may begin as another one and a bracket do.
      const own = names.includes(name) ? name : names.find((each) => name.startsWith(`${each}[`))
      if (own !== undefined) throw new PageError(400, `${own} must be given once, and plainly`)
      kept.push({ ...parameter, text: uriText(text) })
    }
  }
  return { asked, kept }
}

/** The number that a parameter gives. @throws PageError with status 400 where it gives none of at least `least`. */
export function integerOf(name: string, text: string, least: number): number {
  const number = plainInteger(text)
  if (number !== undefined && number >= least) return number
  throw new PageError(400, `${name} must be a whole number from ${least} on, in plain digits, not ${quote(text)}`)
}
