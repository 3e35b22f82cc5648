import { quote } from '../../core/options.ts'

/** The path beneath which a router answers; '' and '*' as it says itself. @throws TypeError with the value quoted. */
export function prefixOption(prefix: unknown): string {
  if (typeof prefix === 'string' && (prefix === '*' || /^(\/[^/?#]+)*$/.test(prefix))) return prefix
  throw new TypeError(`prefix must be a path such as '/books', '' or '*', not ${quote(prefix)}`)
}
