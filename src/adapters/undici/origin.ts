import { randomUUID } from 'node:crypto'

/** Where a request is sent to. */
export interface Origin {
  /** Scheme and authority, as in `https://api.example`. */
  readonly name: string
  readonly scheme: string
  /** Host and port, lower-case, without the scheme's own port. */
  readonly authority: string
}

const KNOWN_ORIGINS = 1000

const known = new Map<string, Origin | undefined>()

/** An origin as undici takes it; undefined for what is no http origin. */
export function parseOrigin(origin: string | URL): Origin | undefined {
  const text = typeof origin === 'string' ? origin : origin.origin
  const seen = known.get(text)
  if (seen !== undefined || known.has(text)) return seen
  if (known.size >= KNOWN_ORIGINS) known.clear()
  const parsed = parse(text)
  known.set(text, parsed)
  return parsed
}

function parse(text: string): Origin | undefined {
  if (!URL.canParse(text)) return undefined
  const { protocol, host } = new URL(text)
  if (host === '' || (protocol !== 'http:' && protocol !== 'https:')) return undefined
  return { name: `${protocol}//${host}`, scheme: protocol.slice(0, -1), authority: host }
}

/** Stands for the one origin of a dispatcher whose requests name none, as a composed Pool of undici 7 has; nobody else has it. */
export function namelessOrigin(): Origin {
  const authority = `${randomUUID()}.invalid`
  return { name: `http://${authority}`, scheme: 'http', authority }
}

/** The target of a request whose path is an absolute URL, and where it belongs; undefined for any other path. */
export function parseAbsolute(path: string): { origin: Origin; target: string } | undefined {
  const match = /^(https?:\/\/[^/?#]+)(.*)$/is.exec(path)
  if (match === null) return undefined
  const [, base = '', rest = ''] = match
  const origin = parseOrigin(base)
  return origin && { origin, target: rest.startsWith('/') ? rest : `/${rest}` }
}

/**
 * The authority of a request that names `named` and is sent to `sentTo`. Where they differ (a Host field of one's own,
 * a proxy), what came over the one way is never the answer to the other: the way stands before the name, as user
 * information does.
 */
export function authorityOver(sentTo: Origin | undefined, named: Origin): string {
  if (sentTo === undefined || sentTo.authority === named.authority) return named.authority
  return `${encodeURIComponent(sentTo.authority)}@${named.authority}`
}
