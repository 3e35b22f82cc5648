/** A value as JSON: bigints as strings, because numbers end at 2^53. @throws TypeError where it has no JSON text. */
export function jsonText(value: unknown): string {
  if (typeof value === 'bigint') return `"${value}"`
  const text: string | undefined = JSON.stringify(value, (_key, part: unknown) =>
    typeof part === 'bigint' ? part.toString() : part,
  )
  if (text === undefined) throw new TypeError(`A term must have a JSON text; ${typeof value} has none`)
  return text
}

/** A state as JSON from which `jsonState` makes an equal one: bigints come back as such. */
export function stateJson(state: unknown): Uint8Array {
  const text: string | undefined = JSON.stringify(state, (_key, part: unknown) =>
    typeof part === 'bigint' ? { $bigint: part.toString() } : part,
  )
  if (text === undefined) throw new TypeError(`A state must have a JSON text, or the sequence encode and decode`)
  return Buffer.from(text)
}

export function jsonState(bytes: Uint8Array): unknown {
  return JSON.parse(Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength).toString(), (_key, part: unknown) =>
    isBigint(part) ? BigInt(part.$bigint) : part,
  )
}

function isBigint(part: unknown): part is { $bigint: string } {
  if (typeof part !== 'object' || part === null || !('$bigint' in part)) return false
  return typeof part.$bigint === 'string' && Object.keys(part).length === 1
}
