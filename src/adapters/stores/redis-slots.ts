/** Which part of a Redis cluster has a key. */

export const slotCount = 16_384

/** The hash slot of a key: CRC-16 (XMODEM) of what stands in its first braces, or of all of it. */
export function slotOf(key: string): number {
  const open = key.indexOf('{')
  const close = open < 0 ? -1 : key.indexOf('}', open + 1)
  const tag = close > open + 1 ? key.slice(open + 1, close) : key
  let crc = 0
  for (const byte of Buffer.from(tag)) {
    crc = ((crc << 8) & 0xffff) ^ (table[((crc >> 8) ^ byte) & 0xff] as number)
  }
  return crc % slotCount
}

const table = Uint16Array.from({ length: 256 }, (_, byte) => {
  let crc = byte << 8
  for (let bit = 0; bit < 8; bit++) crc = crc & 0x8000 ? (crc << 1) ^ 0x1021 : crc << 1
  return crc & 0xffff
})

/** Slots `from` to `to` belong to the master at `address`. */
export interface SlotRange {
  readonly from: number
  readonly to: number
  readonly address: string
}

/** What CLUSTER SLOTS answered; a server that does not know its own host is at the one that was asked. */
export function slotRanges(reply: unknown, askedHost: string): SlotRange[] {
  if (!Array.isArray(reply)) return []
  return reply.map(([from, to, [host, port]]: [number, number, [Buffer | null, number]]) => ({
    from,
    to,
    address: addressIn(String(host ?? ''), port, askedHost),
  }))
}

/** Where an error reply leads: `MOVED 3999 host:port` for good, `ASK 3999 host:port` for this once. */
export function redirectionOf(error: unknown, askedHost: string): { isForGood: boolean; address: string } | undefined {
  const [, kind, host, port] = /^(MOVED|ASK) \d+ (.*):(\d+)$/.exec(String((error as Error)?.message)) ?? []
  if (kind === undefined) return undefined
  return { isForGood: kind === 'MOVED', address: addressIn(host ?? '', Number(port), askedHost) }
}

function addressIn(host: string, port: number, askedHost: string): string {
  return `${host === '' || host === '?' ? askedHost : host}:${port}`
}
