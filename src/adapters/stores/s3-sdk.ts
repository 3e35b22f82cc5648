import { failureOf, type S3Place, unreached } from './s3-errors.ts'
import {
  expiryText,
  type FoundObject,
  headDeadline,
  isOther,
  isPart,
  isRefusal,
  type ObjectClient,
  type ObjectPage,
  type ObjectPart,
  rangeOf,
  timeoutFor,
  type WriteCondition,
} from './s3-objects.ts'

/** What is used of an `S3Client` of `@aws-sdk/client-s3`, or of anything that behaves like it. */
export interface S3ClientLike {
  send(command: never, options?: { abortSignal?: AbortSignal }): Promise<unknown>
}

type Command = new (input: never) => object

/** The commands that the client takes: `import * as commands from '@aws-sdk/client-s3'`, or these four of it. */
export interface S3Commands {
  readonly GetObjectCommand: Command
  readonly PutObjectCommand: Command
  readonly DeleteObjectCommand: Command
  readonly ListObjectsV2Command: Command
}

export interface SdkSettings {
  readonly client: S3ClientLike
  readonly commands: S3Commands
  /** Milliseconds for a request and its answer. */
  readonly timeout: number
  readonly place: S3Place
}

/** In Node a stream, which is also read as one. */
interface Body extends Partial<AsyncIterable<Uint8Array>> {
  transformToByteArray(): Promise<Uint8Array>
  destroy?(): unknown
}

interface Got {
  readonly Body?: Body
  readonly ETag?: string
  readonly ContentRange?: string
}

interface Listed {
  readonly Contents?: readonly { readonly Key?: string }[]
  readonly NextContinuationToken?: string
}

/** S3 through a client that was handed in, so that its credentials, proxies and retries hold. */
export class SdkClient implements ObjectClient {
  readonly #settings: SdkSettings

  constructor(settings: SdkSettings) {
    this.#settings = settings
  }

  async get(key: string): Promise<FoundObject | undefined> {
    const what = 'read an object'
    const { GetObjectCommand } = this.#settings.commands
    return this.#within(what, async (signal) => {
      try {
        const got = (await this.#send(GetObjectCommand, { Key: key }, signal)) as Got
        const bytes = (await got.Body?.transformToByteArray()) ?? Buffer.alloc(0)
        return { bytes: asBuffer(bytes), etag: got.ETag ?? '' }
      } catch (error) {
        if (isMissing(error)) return undefined
        throw error
      }
    })
  }

  async put(key: string, bytes: Buffer, expires: number, condition: WriteCondition): Promise<boolean> {
    const { PutObjectCommand } = this.#settings.commands
    const input = { Key: key, Body: bytes, Metadata: { expires: expiryText(expires) }, ...conditionOf(condition) }
    return this.#within('write an object', async (signal) => {
      try {
        await this.#send(PutObjectCommand, input, signal)
        return true
      } catch (error) {
        if (isRefusal(condition, statusOf(error), nameOf(error))) return false
        throw error
      }
    })
  }

  async write(key: string, bytes: Buffer, expires: number): Promise<string> {
    const { PutObjectCommand } = this.#settings.commands
    const input = { Key: key, Body: bytes, Metadata: { expires: expiryText(expires) } }
    const timeout = timeoutFor(bytes.length, this.#settings.timeout)
    const send = (signal: AbortSignal): Promise<unknown> => this.#send(PutObjectCommand, input, signal)
    const written = (await this.#within('write an object', send, AbortSignal.timeout(timeout))) as Got
    return written.ETag ?? ''
  }

  async read(key: string, part: ObjectPart, signal: AbortSignal): Promise<AsyncIterable<Uint8Array> | undefined> {
    const deadline = headDeadline(signal, this.#settings.timeout)
    try {
      const got = await this.#within('read an object', () => this.#part(key, part, deadline.signal), deadline.signal)
      const body = got?.Body
      if (got === undefined || body === undefined) return undefined
      if (!isPart(part, got.ETag, got.ContentRange)) return void body.destroy?.()
      signal.addEventListener('abort', () => body.destroy?.(), { once: true })
      return Symbol.asyncIterator in body ? (body as AsyncIterable<Uint8Array>) : onePiece(body)
    } finally {
      deadline.arrived()
    }
  }

  async #part(key: string, part: ObjectPart, signal: AbortSignal): Promise<Got | undefined> {
    const { GetObjectCommand } = this.#settings.commands
    const input = { Key: key, Range: rangeOf(part), IfMatch: part.etag }
    try {
      return (await this.#send(GetObjectCommand, input, signal)) as Got
    } catch (error) {
      if (isOther(statusOf(error), nameOf(error))) return undefined
      throw error
    }
  }

  async delete(key: string): Promise<void> {
    const { DeleteObjectCommand } = this.#settings.commands
    await this.#within('delete an object', (signal) => this.#send(DeleteObjectCommand, { Key: key }, signal))
  }

  async list(prefix: string, limit: number, page?: string): Promise<ObjectPage> {
    const { ListObjectsV2Command } = this.#settings.commands
    const input = { Prefix: prefix, MaxKeys: limit, ...(page !== undefined && { ContinuationToken: page }) }
    const listed = (await this.#within('list objects', (signal) =>
      this.#send(ListObjectsV2Command, input, signal),
    )) as Listed
    const keys = (listed.Contents ?? []).flatMap(({ Key }) => (Key === undefined ? [] : [Key]))
    return { keys, next: listed.NextContinuationToken }
  }

  #send(Command: Command, input: object, signal: AbortSignal): Promise<unknown> {
    const command = new Command({ Bucket: this.#settings.place.bucket, ...input } as never)
    return this.#settings.client.send(command as never, { abortSignal: signal })
  }

  /** One deadline over the request and its answer, whether or not the client heeds the signal. */
  async #within<T>(
    what: string,
    work: (signal: AbortSignal) => Promise<T>,
    signal: AbortSignal = AbortSignal.timeout(this.#settings.timeout),
  ): Promise<T> {
    const { timeout, place } = this.#settings
    try {
      return await Promise.race([work(signal), aborted(signal)])
    } catch (error) {
      const status = statusOf(error)
      if (status > 0) throw failureOf(what, { status, code: nameOf(error) }, place)
      throw unreached(what, signal.aborted ? signal.reason : error, timeout, place)
    }
  }
}

async function* onePiece(body: Body): AsyncGenerator<Uint8Array, void, void> {
  yield await body.transformToByteArray()
}

function aborted(signal: AbortSignal): Promise<never> {
  return new Promise((_, reject) => {
    signal.addEventListener('abort', () => reject(signal.reason), { once: true })
  })
}

function conditionOf(condition: WriteCondition): object {
  if (condition === 'always') return {}
  return condition === 'absent' ? { IfNoneMatch: '*' } : { IfMatch: condition.etag }
}

function isMissing(error: unknown): boolean {
  return nameOf(error) === 'NoSuchKey' || (statusOf(error) === 404 && nameOf(error) !== 'NoSuchBucket')
}

/** The HTTP status of an SDK's error, or 0 where it had no answer. */
function statusOf(error: unknown): number {
  const { $metadata } = Object(error) as { $metadata?: { httpStatusCode?: number } }
  return $metadata?.httpStatusCode ?? 0
}

/** An SDK's error is named after S3's error code. */
function nameOf(error: unknown): string {
  return String((Object(error) as { name?: unknown }).name ?? '')
}

function asBuffer(bytes: Uint8Array): Buffer {
  return Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength)
}
