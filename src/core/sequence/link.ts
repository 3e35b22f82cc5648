/** A link as it stands in a Link field (RFC 8288 section 3). */
export interface Link {
  /** A URI or a relative reference. Characters that neither may have are percent-encoded. */
  readonly href: string
  /** One relation type or several with spaces between, such as `next`. */
  readonly rel: string
}

/** The value of a Link field; '' for no links. */
export function formatLinks(links: readonly Link[]): string {
  return links.map(({ href, rel }) => `<${uriText(href)}>; rel="${rel}"`).join(', ')
}

/**
 * A text with all that no URI may have as it stands percent-encoded (RFC 3986 section 2), a `%` that encodes nothing
 * included. Characters below 256 are taken for the bytes that they came as, which is how Node hands URLs on.
 */
export function uriText(text: string): string {
  if (PLAIN.test(text)) return text
  return text.replace(NOT_URI, (character) => {
    const code = character.codePointAt(0) as number
    if (code < 256) return `%${code.toString(16).toUpperCase().padStart(2, '0')}`
    return encodeURIComponent(character.toWellFormed())
  })
}

/** A path as a reference: where it begins with two slashes, the first part of it would be a host (RFC 3986 section 4.2). */
export function pathReference(path: string): string {
  return path.startsWith('//') ? `/.${uriText(path)}` : uriText(path)
}

/** What needs no further look, and nearly all texts are. */
const PLAIN = /^[\w\-.~:/?#@!$&'()*+,;=]*$/
const NOT_URI = /%(?![0-9A-Fa-f]{2})|[^A-Za-z0-9\-._~:/?#@!$&'()*+,;=%]/gu
