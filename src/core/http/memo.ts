/** Longer values are rare, and keeping them would let a client fill the memory. */
const LONGEST = 256

/**
 * Remembers what a pure parser made of recently seen strings. Bounded; cleared when full, because a header field
 * takes few values in practice and bookkeeping for a better order costs more than it saves. What parses to undefined is not remembered.
 */
export function memoised<T>(parse: (text: string) => T, limit = 256): (text: string) => T {
  const seen = new Map<string, T>()
  return (text) => {
    const known = seen.get(text)
    if (known !== undefined) return known
    const parsed = parse(text)
    if (parsed !== undefined && text.length <= LONGEST) {
      if (seen.size >= limit) seen.clear()
      seen.set(text, parsed)
    }
    return parsed
  }
}
