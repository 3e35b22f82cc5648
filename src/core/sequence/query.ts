/** A parameter of a query. */
export interface QueryParameter {
  /** Decoded; as it stands where it cannot be decoded. */
  readonly name: string
  readonly value: string
  /** As received. */
  readonly text: string
}

/**
 * The parameters of a query in their order, `query` without its `?`. They are a list, so names such as `__proto__` are
 * names as any other, and what comes twice is there twice.
 */
export function parseQuery(query: string): QueryParameter[] {
  const parameters: QueryParameter[] = []
  for (let from = 0; from < query.length; ) {
    const ampersand = query.indexOf('&', from)
    const end = ampersand === -1 ? query.length : ampersand
    if (end > from) parameters.push(parameterOf(query.slice(from, end)))
    from = end + 1
  }
  return parameters
}

function parameterOf(text: string): QueryParameter {
  const at = text.indexOf('=')
  if (at === -1) return { name: decoded(text), value: '', text }
  return { name: decoded(text.slice(0, at)), value: decoded(text.slice(at + 1)), text }
}

/** The path and the query of a request's target, also where it is a whole URL (RFC 9112 section 3.2). */
export function splitTarget(target: string): { readonly path: string; readonly query: string } {
  const whole = target.startsWith('/') ? target : target.replace(/^[A-Za-z][A-Za-z0-9+.-]*:\/\/[^/?#]*/, '')
  const end = whole.indexOf('#')
  const local = end === -1 ? whole : whole.slice(0, end)
  const at = local.indexOf('?')
  return at === -1 ? { path: local || '/', query: '' } : { path: local.slice(0, at) || '/', query: local.slice(at + 1) }
}

function decoded(text: string): string {
  if (!text.includes('%') && !text.includes('+')) return text
  const spaced = text.replaceAll('+', ' ')
  try {
    return decodeURIComponent(spaced)
  } catch {
    return spaced
  }
}
