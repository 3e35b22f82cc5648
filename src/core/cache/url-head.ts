import type { RequestHead } from '../http/message.ts'

/** A request head for a URL, as a mount of either direction would see it. */
export function headOf(url: string, method: string, headers: Readonly<Record<string, string>>): RequestHead {
  const { protocol, host, pathname, search } = new URL(url)
  const fields: Record<string, string> = { host }
  for (const [name, value] of Object.entries(headers)) fields[name.toLowerCase()] = value
  return { method, scheme: protocol.slice(0, -1), authority: host, target: pathname + search, fields, hasBody: false }
}
