/** What the store asks of a bucket, whoever speaks to it. */

/** An object as it lies in the bucket. */
export interface FoundObject {
  readonly bytes: Buffer
  /** Names this very content; what a conditional write compares. */
  readonly etag: string
}

/** Under which condition an object is written: always, where there is none, or in place of the one with this etag. */
export type WriteCondition = 'always' | 'absent' | { readonly etag: string }

export interface ObjectPage {
  readonly keys: readonly string[]
  /** Hand it in for the next page; undefined after the last. */
  readonly next: string | undefined
}

/** A part of one very object; `end` is exclusive. */
export interface ObjectPart {
  readonly etag: string
  /** Bytes of the whole object. */
  readonly length: number
  readonly start: number
  readonly end: number
}

/** Objects by key in one bucket. Each method rejects with a StoreError that says what to do. */
export interface ObjectClient {
  get(key: string): Promise<FoundObject | undefined>
  /** `expires` in epoch ms, or Infinity, is noted beside the object. Resolves with false where the condition does not hold. */
  put(key: string, bytes: Buffer, expires: number, condition: WriteCondition): Promise<boolean>
  /** Writes a large object whatever is there, within a time that grows with it. Resolves with its etag. */
  write(key: string, bytes: Buffer, expires: number): Promise<string>
  /** The part as it comes, until `signal` aborts; undefined where the object is gone or another one. */
  read(key: string, part: ObjectPart, signal: AbortSignal): Promise<AsyncIterable<Uint8Array> | undefined>
  delete(key: string): Promise<void>
  list(prefix: string, limit: number, page?: string): Promise<ObjectPage>
}

/** What the metadata `x-amz-meta-expires` says, for people and scripts that look at a bucket: epoch ms, or `never`. */
export function expiryText(expires: number): string {
  return expires === Infinity ? 'never' : String(Math.ceil(expires))
}

/** Whether a failed write says that its condition does not hold: another one came before, or is under way. */
export function isRefusal(condition: WriteCondition, status: number, code: string): boolean {
  if (condition === 'always') return false
  // 404: the object that was to be replaced is gone.
  return status === 412 || status === 409 || (status === 404 && code !== 'NoSuchBucket')
}

/** Bytes that have the time of one request. */
const timed = 8 * 1024 * 1024

/** Milliseconds for a request that carries so many bytes, where one that carries few has `timeout`. */
export function timeoutFor(bytes: number, timeout: number): number {
  return timeout * Math.max(1, Math.ceil(bytes / timed))
}

export function rangeOf({ start, end }: ObjectPart): string {
  return `bytes=${start}-${end - 1}`
}

/** Whether an answer brings the part that was asked for. Not every service heeds `If-Match` on reading. */
export function isPart(part: ObjectPart, etag: unknown, contentRange: unknown): boolean {
  return etag === part.etag && contentRange === `bytes ${part.start}-${part.end - 1}/${part.length}`
}

/** Whether a failed read says that the object is gone, or is another one. */
export function isOther(status: number, code: string): boolean {
  return status === 412 || status === 416 || (status === 404 && code !== 'NoSuchBucket')
}

export interface HeadDeadline {
  readonly signal: AbortSignal
  /** The head is here: what follows may take as long as its reader does. */
  arrived(): void
}

/** Aborts with `outer`, and where the head of an answer has not arrived within `timeout` ms. */
export function headDeadline(outer: AbortSignal, timeout: number): HeadDeadline {
  const controller = new AbortController()
  const onAbort = (): void => controller.abort(outer.reason)
  const late = (): void => controller.abort(new DOMException(`No answer within ${timeout} ms`, 'TimeoutError'))
  const timer = setTimeout(late, timeout)
  if (outer.aborted) onAbort()
  else outer.addEventListener('abort', onAbort, { once: true })
  return { signal: controller.signal, arrived: () => clearTimeout(timer) }
}
