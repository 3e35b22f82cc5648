/** What of a sequence a request asks for. */
export type SequenceRoute =
  | { readonly kind: 'root' | 'terms' | 'stream' }
  | { readonly kind: 'term'; readonly index: string }
  | { readonly kind: 'job' | 'job-terms'; readonly id: string }

/** The path below a prefix, `/` for the prefix itself; undefined for all others. */
export function pathBelow(prefix: string, path: string): string | undefined {
  if (path === prefix) return '/'
  return path.startsWith(`${prefix}/`) ? path.slice(prefix.length) : undefined
}

/** Undefined: it is not one of the sequence's own. */
export function routeOf(path: string): SequenceRoute | undefined {
  if (path === '/') return { kind: 'root' }
  if (path === '/terms') return { kind: 'terms' }
  const [, terms, index, ...rest] = path.split('/')
  if (terms === 'jobs') return jobRouteOf(index, rest)
  if (terms !== 'terms') return undefined
  if (index === undefined || (index === '' && rest.length === 0)) return { kind: 'terms' }
  if (rest.length > 0) return undefined
  return index === 'stream' ? { kind: 'stream' } : { kind: 'term', index }
}

function jobRouteOf(id: string | undefined, rest: readonly string[]): SequenceRoute | undefined {
  if (id === undefined || id === '') return undefined
  if (rest.length === 0) return { kind: 'job', id }
  return rest.length === 1 && rest[0] === 'terms' ? { kind: 'job-terms', id } : undefined
}
