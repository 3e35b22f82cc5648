/** The content codings that answers are given (RFC 9110 section 8.4.1, RFC 7932, RFC 8878), by the names of the registry. */
export const CODINGS: readonly ['zstd', 'br', 'gzip', 'deflate'] = ['zstd', 'br', 'gzip', 'deflate']

export type Coding = (typeof CODINGS)[number]
