/** Tokens and optional whitespace, the pieces that most fields are made of (RFC 9110 section 5.6). */

const TOKEN_CHARACTERS = "!#$%&'*+-.^_`|~0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"
const tokenTable = new Uint8Array(128)
for (let i = 0; i < TOKEN_CHARACTERS.length; i++) tokenTable[TOKEN_CHARACTERS.charCodeAt(i)] = 1

/** Where the token that begins at `from` ends; `from` itself if there is none. */
export function tokenEnd(text: string, from: number): number {
  let i = from
  while (i < text.length && tokenTable[text.charCodeAt(i)] === 1) i++
  return i
}

export function isToken(text: string): boolean {
  return text.length > 0 && tokenEnd(text, 0) === text.length
}

/** Space or horizontal tab; JavaScript's own trim() takes far more. */
export function isWhitespace(code: number): boolean {
  return code === 32 || code === 9
}

/** The first position from `from` on that is not optional whitespace. */
export function skipWhitespace(text: string, from: number): number {
  let i = from
  while (i < text.length && isWhitespace(text.charCodeAt(i))) i++
  return i
}

export function trimWhitespace(text: string): string {
  const start = skipWhitespace(text, 0)
  let end = text.length
  while (end > start && isWhitespace(text.charCodeAt(end - 1))) end--
  return text.slice(start, end)
}

/** Behind the closing quote of the quoted-string that begins at `from`; -1 if it is not terminated. */
export function quotedEnd(text: string, from: number): number {
  for (let i = from + 1; i < text.length; i++) {
    const code = text.charCodeAt(i)
    if (code === 92) i++
    else if (code === 34) return i + 1
  }
  return -1
}
