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

/** Objects by key in one bucket. Each method rejects with a StoreError that says what to do. */
export interface ObjectClient {
  get(key: string): Promise<FoundObject | undefined>
  /** `expires` in epoch ms, or Infinity, is noted beside the object. Resolves with false where the condition does not hold. */
  put(key: string, bytes: Buffer, expires: number, condition: WriteCondition): Promise<boolean>
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
