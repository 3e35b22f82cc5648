import type { Profile } from './scoring.ts'
import type { Policy, Subject } from './subjects.ts'

/** Tests that a cache of this project is known not to pass, and why. */
export interface Gap {
  readonly tests: readonly string[]
  readonly why: string
  /** The policy that has the gap; both if undefined. */
  readonly policy?: Policy
  /** The profile that has it; both if undefined. */
  readonly profile?: Profile
}

export const GAPS: readonly Gap[] = [
  {
    profile: 'proxy',
    tests: ['conditional-lm-fresh-no-lm'],
    why: 'Without Last-Modified the Date of the stored response stands in for it (RFC 9111 section 4.3.2); it is later than the date that the client gives, so the answer is a 200, and not the 304 that the test wants.',
  },
  {
    tests: [
      'partial-store-partial-reuse-partial',
      'partial-store-partial-reuse-partial-byterange',
      'partial-store-partial-reuse-partial-absent',
      'partial-store-partial-reuse-partial-suffix',
    ],
    why: 'The 206 of these tests says `bytes 4-9/10` and brings five bytes, so nobody knows which bytes they are. Such an answer is not stored: a client that notices and asks again must not get it again.',
  },
  {
    tests: ['partial-store-partial-complete'],
    why: 'The stored part has no validator, and without a strong one parts must not be combined (RFC 9111 section 3.4), so the whole is asked for anew.',
  },
  {
    profile: 'client',
    tests: ['stale-close-must-revalidate', 'stale-close-no-cache'],
    why: 'Nothing stale is served, as the test asks; but where the origin breaks the connection the promise of fetch is rejected, as it is without a cache, and the suite expects a response.',
  },
  {
    policy: 'safe',
    tests: [
      'heuristic-200-cached',
      'heuristic-203-cached',
      'heuristic-204-cached',
      'heuristic-404-cached',
      'heuristic-405-cached',
      'heuristic-410-cached',
      'heuristic-414-cached',
      'heuristic-501-cached',
      'heuristic-599-cached',
      'cc-resp-no-cache-revalidate',
    ],
    why: '`safe` stores nothing that does not say how long it is fresh.',
  },
  {
    policy: 'safe',
    tests: [
      'status-400-fresh',
      'status-400-stale',
      'status-500-fresh',
      'status-500-stale',
      'status-502-fresh',
      'status-502-stale',
      'status-503-fresh',
      'status-503-stale',
      'status-504-fresh',
      'status-504-stale',
      'status-599-fresh',
      'status-599-stale',
      'status-599-must-understand',
    ],
    why: '`safe` never stores a 400 or a 5xx: a request made to fail could put the failure before everybody.',
  },
  {
    policy: 'safe',
    tests: ['headers-store-Set-Cookie', 'headers-store-Set-Cookie2', 'other-set-cookie'],
    why: "`safe` never stores an answer with Set-Cookie: it would hand one person's cookie to the next.",
  },
  {
    policy: 'safe',
    tests: ['method-POST'],
    why: '`safe` does not let the answer to a POST serve a later GET.',
  },
  {
    policy: 'safe',
    tests: ['vary-normalise-lang-select'],
    why: '`safe` compares the values of Accept-Language and does not choose a variant by its Content-Language.',
  },
]

/** Whether a gap is one of this subject's. */
export function concerns({ policy, profile }: Gap, subject: Subject): boolean {
  return (policy ?? subject.policy) === subject.policy && (profile ?? subject.profile) === subject.profile
}

/** Why a subject does not pass a test; undefined: nobody knows yet. */
export function whyNot(id: string, subject: Subject): string | undefined {
  return GAPS.find((gap) => gap.tests.includes(id) && concerns(gap, subject))?.why
}
