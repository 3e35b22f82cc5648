/** What RFC 9111 section 1.2.2 tells caches to use for any larger number. */
export const MAX_DELTA_SECONDS: number = 2 ** 31

/** A non-negative decimal integer, capped; undefined for anything else (RFC 9111 section 1.2.2). */
export function parseDeltaSeconds(text: string): number | undefined {
  if (text.length === 0) return undefined
  let seconds = 0
  for (let i = 0; i < text.length; i++) {
    const digit = text.charCodeAt(i) - 48
    if (digit < 0 || digit > 9) return undefined
    seconds = Math.min(seconds * 10 + digit, MAX_DELTA_SECONDS)
  }
  return seconds
}
