/** Reads Link fields as a client does (RFC 8288 section 3), by a way of its own. */

export interface ReadLink {
  readonly href: string
  readonly rel: string
}

/** @throws where a character stands that the grammar does not have there. */
export function readLinks(value: string | undefined): ReadLink[] {
  const links: ReadLink[] = []
  let rest = (value ?? '').trim()
  while (rest !== '') {
    const link = /^<([A-Za-z0-9\-._~:/?#@!$&'()*+,;=%]*)>((?:\s*;\s*[\w-]+="[^"\\]*")*)\s*(?:,\s*|$)/.exec(rest)
    if (link === null) throw new Error(`No Link field: ${rest}`)
    const [all, href = '', parameters = ''] = link
    links.push({ href, rel: /;\s*rel="([^"]*)"/.exec(parameters)?.[1] ?? '' })
    rest = rest.slice(all.length)
  }
  return links
}

/** Targets by relation, resolved against the address that was asked. */
export function linkTargets(value: string | undefined, address = 'http://example.test/'): Record<string, string> {
  return Object.fromEntries(readLinks(value).map(({ rel, href }) => [rel, new URL(href, address).href]))
}
