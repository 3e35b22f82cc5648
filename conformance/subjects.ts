import type { Profile } from './scoring.ts'

export type Policy = 'rfc9111' | 'safe'

/** The mounts that are run as a proxy, each in front of the same forwarding handler. */
const PROXY_MOUNTS = ['express', 'koa', 'koa-inner', 'node', 'undici'] as const
export type ProxyMount = (typeof PROXY_MOUNTS)[number]

/** One cache as it is run against the suite. */
export interface Subject {
  readonly title: string
  readonly profile: Profile
  readonly policy: Policy
  /** undefined: the cache is in the client itself. */
  readonly mount: ProxyMount | undefined
}

const TITLES: Readonly<Record<ProxyMount, string>> = {
  express: 'Express',
  koa: 'Koa',
  'koa-inner': 'Koa, through `ctx`',
  node: 'node (`shield`)',
  undici: 'undici',
}

export const SUBJECTS: readonly Subject[] = [
  ...(['rfc9111', 'safe'] as const).flatMap((policy) =>
    PROXY_MOUNTS.map((mount): Subject => ({ title: TITLES[mount], profile: 'proxy', policy, mount })),
  ),
  { title: "undici, `type: 'private'`", profile: 'client', policy: 'rfc9111', mount: undefined },
]
