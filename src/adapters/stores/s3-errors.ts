import { type StoreError, storeError } from '../../core/store/errors.ts'

/** Where requests go, for sentences; and what must not be in them. */
export interface S3Place {
  readonly bucket: string
  readonly endpoint: string
  readonly secrets: readonly string[]
}

/** An answer that is a failure, from HTTP or from an SDK. */
export interface S3Failure {
  readonly status: number
  /** `NoSuchBucket` …; empty where the answer names none. */
  readonly code: string
}

/** What to do about S3's error codes. */
const advice: Readonly<Record<string, string>> = {
  NoSuchBucket: 'There is no such bucket: create it, or correct bucket, region and endpoint',
  InvalidAccessKeyId: 'The access key is not known there: correct accessKeyId',
  SignatureDoesNotMatch: 'The credentials are wrong: correct secretAccessKey (and region, which is signed as well)',
  AccessDenied:
    'The credentials are wrong or may not do that: allow s3:ListBucket on the bucket and s3:GetObject, s3:PutObject and s3:DeleteObject on its objects',
  ExpiredToken: 'The session token has ended: hand in fresh credentials, or a client that renews them',
  InvalidToken: 'The session token is not valid: hand in fresh credentials, or a client that renews them',
  RequestTimeTooSkewed: 'The clock of this machine is wrong: set it',
  AuthorizationHeaderMalformed: 'The region is wrong: correct region',
  PermanentRedirect: 'The bucket is in another region: correct region and endpoint',
  NotImplemented: 'The endpoint does not know this kind of request: leave conditionalWrites out',
  SlowDown: 'It asks for fewer requests: a near tier in front of it asks less often',
}

/** A failed answer as a sentence. */
export function failureOf(what: string, { status, code }: S3Failure, place: S3Place): StoreError {
  const reason =
    advice[code] ?? (status === 403 ? advice.AccessDenied : status === 301 ? advice.PermanentRedirect : undefined)
  const answer = [status, code].filter(Boolean).join(' ')
  const text = `S3 could not ${what} in the bucket ${place.bucket} at ${place.endpoint} (${answer})`
  return storeError(reason === undefined ? text : `${text}. ${reason}`, undefined, place.secrets)
}

/** An error without an answer: no connection, or none in time. */
export function unreached(what: string, cause: unknown, timeout: number, place: S3Place): StoreError {
  const text = `S3 could not ${what}: no answer from ${place.endpoint}`
  if ((cause as Error | undefined)?.name === 'TimeoutError') {
    return storeError(`${text} within ${timeout} ms`, undefined, place.secrets)
  }
  // fetch says no more than "fetch failed"; the reason is beneath.
  const reason = cause instanceof Error && cause.cause !== undefined ? cause.cause : cause
  return storeError(text, reason, place.secrets)
}
