import type { CacheValue } from './cache-store-types.ts'

/** What is kept of an answer beside its content. The values of its selecting fields are not: its key is made of them. */
export type AnswerMeta = Omit<CacheValue, 'vary'> & {
  readonly kind: 'undici-answer'
  readonly names: readonly string[]
}

export function answerMeta(
  { statusCode, statusMessage, headers, etag, cacheControlDirectives, cachedAt, staleAt, deleteAt }: CacheValue,
  names: readonly string[],
): AnswerMeta {
  return {
    kind: 'undici-answer',
    names,
    statusCode,
    statusMessage,
    headers,
    cachedAt,
    staleAt,
    deleteAt,
    ...(etag === undefined ? {} : { etag }),
    ...(cacheControlDirectives === undefined ? {} : { cacheControlDirectives }),
  }
}

/** Whether what a store gave back is an answer, and not what somebody else put there. */
export function isAnswerMeta(meta: object): meta is AnswerMeta {
  const { kind, names, statusCode, headers, cachedAt, staleAt, deleteAt } = meta as Partial<AnswerMeta>
  return (
    kind === 'undici-answer' &&
    Array.isArray(names) &&
    typeof statusCode === 'number' &&
    typeof headers === 'object' &&
    headers !== null &&
    [cachedAt, staleAt, deleteAt].every((time) => typeof time === 'number')
  )
}
