import { knownOptions, optionalSignal, quote } from '../options.ts'
import type { Mount } from './mount.ts'
import { staleness } from './policy/evaluate.ts'
import { isHeld } from './shelf.ts'
import { headOf } from './url-head.ts'

/** What one mount knows of a request. */
export interface Inspection {
  readonly direction: 'in' | 'out'
  /** The primary key, or undefined where the mount's `key` or `partition` needs a real request. */
  readonly key: string | undefined
  readonly stored: boolean
  /** Why it is stored (where its freshness comes from), or why not. */
  readonly reason: string
  readonly status?: number
  /** Seconds. */
  readonly age?: number
  /** Epoch ms until which it is fresh, and until which it may be served stale while refreshed. */
  readonly freshUntil?: number
  readonly staleUntil?: number
  /** Request fields that select this variant, implied ones included. */
  readonly vary?: readonly string[]
  readonly groups?: readonly string[]
  readonly bytes?: number
  /** Whether its handler enumerated the request's fields, so that what it read is not known. */
  readonly headersCopied?: boolean
}

/** What is asked about. */
export interface InspectionRequest {
  /** Absolute, with the host that clients use. */
  readonly url: string
  /** Default GET. */
  readonly method?: string
  /** Request fields, where answers depend on them. */
  readonly headers?: Readonly<Record<string, string>>
  /** Ends the wait for the store. */
  readonly signal?: AbortSignal | undefined
}

/** @throws TypeError for a question that cannot be understood, with the value quoted. */
export function checkQuestion(asked: InspectionRequest): void {
  knownOptions('inspect', asked, ['url', 'method', 'headers', 'signal'])
  const url: unknown = asked?.url
  if (typeof url !== 'string' || !/^https?:/i.test(url) || !URL.canParse(url)) {
    throw new TypeError(`inspect takes an absolute http(s) URL, not ${quote(url)}`)
  }
  optionalSignal('inspect: signal', asked.signal)
}

/** What a mount has stored for a request, or why it has not. */
export async function inspectMount(
  mount: Mount,
  { url, method = 'GET', headers = {}, signal }: InspectionRequest,
): Promise<Inspection> {
  signal?.throwIfAborted()
  const { responses, settings } = mount
  const { direction, policy } = settings.profile
  const request = headOf(url, method, headers)
  let key: string
  try {
    key = mount.keyOf(request, request)
  } catch (error) {
    return { direction, key: undefined, stored: false, reason: `key or partition failed: ${String(error)}` }
  }
  if (!settings.methods.has(request.method)) return { direction, key, stored: false, reason: 'method' }
  const asking = { budget: responses.newBudget(), signal, byLanguage: policy === 'rfc9111' }
  await responses.sharedBans?.refresh(undefined, signal)
  const finding = await responses.shelf.find(key, request, asking)
  signal?.throwIfAborted()
  if (!isHeld(finding)) {
    const why = responses.lastRefusal(key) ?? (finding === undefined ? 'not-seen' : 'no-such-variant')
    return { direction, key, stored: false, reason: why }
  }
  const { entry, body } = finding
  const now = responses.clock.now()
  const freshUntil = now - staleness(entry, now)
  return {
    direction,
    key: finding.key,
    stored: true,
    reason: entry.source,
    status: entry.status,
    age: entry.age(now),
    freshUntil,
    staleUntil: freshUntil + entry.staleWhileRevalidate,
    vary: entry.vary,
    groups: entry.groups,
    bytes: body.length,
    headersCopied: entry.headersCopied,
  }
}
