/** Which request directives (RFC 9111 section 5.2.1, RFC 5861) a cache obeys. */
export interface RequestDirectives {
  readonly noCache: boolean
  readonly noStore: boolean
  readonly maxAge: boolean
  readonly minFresh: boolean
  readonly maxStale: boolean
  readonly onlyIfCached: boolean
}

/** The standpoint from which a cache judges: what it is, and what it may do beyond the letter of the response. */
export interface Profile {
  /** A shared cache serves several people (RFC 9111 section 1.1). */
  readonly shared: boolean
  /** `safe` stores only what is explicitly fresh and cannot be somebody's own; `rfc9111` all that the standard allows. */
  readonly policy: 'safe' | 'rfc9111'
  /** `in`: the answer is made in this process; `out`: it came over the network. */
  readonly direction: 'in' | 'out'
  /** Targeted fields in order of preference, lower-case (RFC 9213 section 2.2). */
  readonly targets: readonly string[]
  /** s-maxage forbids stale answers, as RFC 9111 section 5.2.2.10 says; CDNs ignore that. */
  readonly sMaxageRevalidates: boolean
  /** No answer is ever served longer than this past its freshness, ms. */
  readonly maxStale: number
  readonly requestDirectives: RequestDirectives
}

/** Longest heuristic freshness lifetime, ms (RFC 9111 section 4.2.2 asks for restraint). */
export const MAX_HEURISTIC_LIFETIME: number = 24 * 60 * 60 * 1000
