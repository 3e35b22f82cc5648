import type { AwsClient } from 'aws4fetch'
import { loadPeer, StoreError } from '../../core/store/errors.ts'
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

export interface FetchSettings {
  /** The bucket's own URL, ending in `/`. */
  readonly root: string
  readonly region: string
  readonly accessKeyId: string
  readonly secretAccessKey: string
  readonly sessionToken: string | undefined
  /** Milliseconds for a request and its answer. */
  readonly timeout: number
  readonly place: S3Place
}

interface Call {
  readonly what: string
  readonly method: 'GET' | 'PUT' | 'DELETE'
  readonly url: string
  readonly body?: Buffer
  readonly headers?: Record<string, string>
  /** Whether it may be sent twice. */
  readonly isRepeatable: boolean
}

interface Answer {
  readonly status: number
  readonly code: string
  readonly headers: Headers
  readonly body: Buffer
}

/** S3 over HTTP, signed by aws4fetch. */
export class FetchClient implements ObjectClient {
  readonly #settings: FetchSettings
  #signer: Promise<AwsClient> | undefined

  constructor(settings: FetchSettings) {
    this.#settings = settings
  }

  async get(key: string): Promise<FoundObject | undefined> {
    const what = 'read an object'
    const answer = await this.#call({ what, method: 'GET', url: this.#urlOf(key), isRepeatable: true })
    if (answer.status === 404 && answer.code !== 'NoSuchBucket') return undefined
    if (answer.status !== 200) throw failureOf(what, answer, this.#settings.place)
    return { bytes: answer.body, etag: answer.headers.get('etag') ?? '' }
  }

  async put(key: string, bytes: Buffer, expires: number, condition: WriteCondition): Promise<boolean> {
    const what = 'write an object'
    const headers = { 'x-amz-meta-expires': expiryText(expires), ...conditionFields(condition) }
    const isRepeatable = condition === 'always'
    const answer = await this.#call({ what, method: 'PUT', url: this.#urlOf(key), body: bytes, headers, isRepeatable })
    if (answer.status === 200) return true
    if (isRefusal(condition, answer.status, answer.code)) return false
    throw failureOf(what, answer, this.#settings.place)
  }

  async write(key: string, bytes: Buffer, expires: number): Promise<string> {
    const what = 'write an object'
    const headers = { 'x-amz-meta-expires': expiryText(expires) }
    const timeout = timeoutFor(bytes.length, this.#settings.timeout)
    const call: Call = { what, method: 'PUT', url: this.#urlOf(key), body: bytes, headers, isRepeatable: true }
    const answer = await this.#call(call, AbortSignal.timeout(timeout))
    if (answer.status !== 200) throw failureOf(what, answer, this.#settings.place)
    return answer.headers.get('etag') ?? ''
  }

  async read(key: string, part: ObjectPart, signal: AbortSignal): Promise<AsyncIterable<Uint8Array> | undefined> {
    const what = 'read an object'
    const headers = { range: rangeOf(part), 'if-match': part.etag }
    const call: Call = { what, method: 'GET', url: this.#urlOf(key), headers, isRepeatable: true }
    const deadline = headDeadline(signal, this.#settings.timeout)
    try {
      const response = await this.#attempt(call, () => this.#part(call, deadline.signal))
      if (!(response instanceof Response)) {
        if (isOther(response.status, response.code)) return undefined
        throw failureOf(what, response, this.#settings.place)
      }
      const { body, headers: fields } = response
      if (isPart(part, fields.get('etag'), fields.get('content-range'))) return body ?? undefined
      return void (await body?.cancel())
    } finally {
      deadline.arrived()
    }
  }

  async delete(key: string): Promise<void> {
    const what = 'delete an object'
    const answer = await this.#call({ what, method: 'DELETE', url: this.#urlOf(key), isRepeatable: true })
    const isGone = answer.status === 404 && answer.code !== 'NoSuchBucket'
    if (!isGone && answer.status !== 204 && answer.status !== 200) {
      throw failureOf(what, answer, this.#settings.place)
    }
  }

  async list(prefix: string, limit: number, page?: string): Promise<ObjectPage> {
    const what = 'list objects'
    const query = new URLSearchParams({ 'list-type': '2', 'max-keys': String(limit), prefix })
    if (page !== undefined) query.set('continuation-token', page)
    // In a signature a space is %20 and nothing else.
    const url = `${this.#settings.root}?${query.toString().replaceAll('+', '%20')}`
    const answer = await this.#call({ what, method: 'GET', url, isRepeatable: true })
    if (answer.status !== 200) throw failureOf(what, answer, this.#settings.place)
    const xml = answer.body.toString()
    return { keys: textsIn(xml, 'Key'), next: textsIn(xml, 'NextContinuationToken')[0] }
  }

  #urlOf(key: string): string {
    return this.#settings.root + key.split('/').map(encodeURIComponent).join('/')
  }

  #call(call: Call, signal: AbortSignal = AbortSignal.timeout(this.#settings.timeout)): Promise<Answer> {
    return this.#attempt(call, async () => answerOf(await this.#send(call, signal)))
  }

  /** Sends it; once more where the first was met by a passing failure and a second does no harm. */
  async #attempt<T extends { readonly status: number }>(call: Call, send: () => Promise<T>): Promise<T> {
    try {
      const answer = await send()
      return call.isRepeatable && isPassing(answer) ? await send() : answer
    } catch (error) {
      if (!call.isRepeatable || !isBrokenConnection(error)) throw this.#unreached(call, error)
      return await send().catch((again) => {
        throw this.#unreached(call, again)
      })
    }
  }

  #unreached({ what }: Call, error: unknown): Error {
    // That the package is missing has nothing to do with the endpoint.
    return error instanceof StoreError ? error : unreached(what, error, this.#settings.timeout, this.#settings.place)
  }

  /** A part is not read here. */
  async #part(call: Call, signal: AbortSignal): Promise<Response | Answer> {
    const response = await this.#send(call, signal)
    return response.status === 206 ? response : answerOf(response)
  }

  async #send({ method, url, body, headers }: Call, signal: AbortSignal): Promise<Response> {
    const signer = await this.#load()
    const request = await signer.sign(url, { method, ...(body && { body }), ...(headers && { headers }) })
    // A redirect would carry the signature to somebody else.
    return fetch(request, { signal, redirect: 'manual' })
  }

  #load(): Promise<AwsClient> {
    this.#signer ??= this.#newSigner().catch((error) => {
      this.#signer = undefined
      throw error
    })
    return this.#signer
  }

  async #newSigner(): Promise<AwsClient> {
    const { AwsClient } = await loadPeer('aws4fetch', () => import('aws4fetch'), 's3Store')
    const { accessKeyId, secretAccessKey, sessionToken, region } = this.#settings
    return new AwsClient({ accessKeyId, secretAccessKey, ...(sessionToken && { sessionToken }), region, service: 's3' })
  }
}

function conditionFields(condition: WriteCondition): Record<string, string> {
  if (condition === 'always') return {}
  return condition === 'absent' ? { 'if-none-match': '*' } : { 'if-match': condition.etag }
}

async function answerOf(response: Response): Promise<Answer> {
  const body = Buffer.from(await response.arrayBuffer())
  const code = response.ok ? '' : (textsIn(body.toString(), 'Code')[0] ?? '')
  return { status: response.status, code, headers: response.headers, body }
}

function isPassing({ status }: { readonly status: number }): boolean {
  return status === 429 || status === 500 || status === 502 || status === 503
}

/** A kept connection that the server had closed; a server that is not there is no such thing. */
function isBrokenConnection(error: unknown): boolean {
  const { code } = Object((error as Error | undefined)?.cause) as { code?: unknown }
  return code === 'UND_ERR_SOCKET' || code === 'ECONNRESET' || code === 'EPIPE'
}

/** The texts of an element, wherever it stands: enough for S3's flat answers. */
function textsIn(xml: string, element: string): string[] {
  return [...xml.matchAll(new RegExp(`<${element}>([^<]*)</${element}>`, 'g'))].map(([, text = '']) => unescaped(text))
}

const entities: Readonly<Record<string, string>> = { lt: '<', gt: '>', quot: '"', apos: "'", amp: '&' }

function unescaped(text: string): string {
  return text.replace(/&(?:#(\d+)|#x([\da-f]+)|(\w+));/gi, (whole, decimal, hexadecimal, name) => {
    if (decimal !== undefined) return String.fromCodePoint(Number(decimal))
    if (hexadecimal !== undefined) return String.fromCodePoint(Number.parseInt(hexadecimal, 16))
    return entities[name] ?? whole
  })
}
