import compressible from 'compressible'
import { memoised } from '../http/memo.ts'
import { trimWhitespace } from '../http/syntax.ts'

/**
 * Whether content of this type gets smaller by compression, as far as a type can tell: by the media type database, which
 * lacks most of those that `isStreaming` knows. False for what nobody knows, and for none.
 */
export function isCompressible(contentType: string | undefined): boolean {
  return contentType !== undefined && compresses(contentType)
}

/** Whether content of this type is a sequence of records, each of which is meant to arrive as soon as it is written. */
export function isStreaming(contentType: string | undefined): boolean {
  return contentType !== undefined && streams(contentType)
}

/** No two people call lines of JSON the same. */
const RECORDS = new Set([
  'text/event-stream',
  'application/x-ndjson',
  'application/ndjson',
  'application/jsonl',
  'application/x-jsonl',
  'application/jsonlines',
  'application/x-jsonlines',
  'application/json-seq',
  'application/x-json-stream',
  'application/stream+json',
])

const compresses = memoised((contentType): boolean => streams(contentType) || compressible(contentType) === true)

const streams = memoised((contentType): boolean => {
  const [type = ''] = contentType.split(';', 1)
  const name = trimWhitespace(type).toLowerCase()
  // RFC 8091: the suffix of what is made of JSON text sequences (RFC 7464).
  return RECORDS.has(name) || name.endsWith('+json-seq')
})
