/** Answers may be kept by everybody, for longer than any run lasts. */
export const CACHE_CONTROL = 'public, max-age=3600'
export const CONTENT_TYPE = 'application/json; charset=utf-8'
/** For subjects that make no validator of their own. */
export const ETAG = '"bench-1"'

/** What every subject answers with: a document that takes `bytes` as JSON. */
export function documentOf(key: string, bytes: number): { key: string; lines: string[] } {
  const lines: string[] = []
  for (let left = bytes - key.length - 20; left > 0; left -= 64)
    lines.push('x'.repeat(Math.max(0, Math.min(61, left - 3))))
  return { key, lines }
}
