import { type Clock, systemClock } from '../../core/clock.ts'
import { clockOption, duration, flag, quote } from '../../core/options.ts'
import type { StoreCapabilities } from '../../core/store/capabilities.ts'
import { StoreError } from '../../core/store/errors.ts'
import {
  type ByteBackend,
  type ByteBodies,
  knownRemoteOptions,
  type RemoteStore,
  type RemoteStoreOptions,
  remoteStore,
} from '../../core/store/remote.ts'
import { datedHeader, undated } from './dated-bytes.ts'
import { s3Bodies } from './s3-bodies.ts'
import { s3Capabilities } from './s3-capabilities.ts'
import type { S3Place } from './s3-errors.ts'
import { FetchClient } from './s3-fetch.ts'
import type { ObjectClient } from './s3-objects.ts'
import { type S3ClientLike, type S3Commands, SdkClient } from './s3-sdk.ts'

export type { S3ClientLike, S3Commands } from './s3-sdk.ts'

export interface S3StoreOptions extends RemoteStoreOptions {
  /** The bucket, which must exist. Give it to the cache alone, with a lifecycle rule that deletes what is old. */
  readonly bucket: string
  /** The service's URL, without the bucket: `https://s3.eu-central-1.amazonaws.com`. Default: AWS in `region`. */
  readonly endpoint?: string | undefined
  /** Default `us-east-1`. */
  readonly region?: string | undefined
  /** Needed without `client`. */
  readonly accessKeyId?: string | undefined
  /** Needed without `client`. */
  readonly secretAccessKey?: string | undefined
  /** Of temporary credentials. They are not renewed: hand in a `client` for that. */
  readonly sessionToken?: string | undefined
  /** Whether the bucket is part of the path rather than of the host's name. Default true. */
  readonly pathStyle?: boolean | undefined
  /**
   * An `S3Client` of `@aws-sdk/client-s3` in place of aws4fetch, with its endpoint, credential chain and retries. Needs
   * `commands`. It stays yours: `close` does not end it.
   */
  readonly client?: S3ClientLike | undefined
  /** The commands that `client` takes: `import * as commands from '@aws-sdk/client-s3'`. */
  readonly commands?: S3Commands | undefined
  /**
   * Whether the endpoint writes on `If-None-Match: *` and `If-Match`, as AWS does; tried out when the store opens. Only
   * then has the store counters and locks. Default false.
   */
  readonly conditionalWrites?: boolean | undefined
  /**
   * Milliseconds for a request and its answer; for a large body, for each 8 MiB that are written and until the first
   * byte that is read. Default 10,000. A guard outside gives up earlier.
   */
  readonly requestTimeout?: number | undefined
}

const ownOptions = [
  'bucket',
  'endpoint',
  'region',
  'accessKeyId',
  'secretAccessKey',
  'sessionToken',
  'pathStyle',
  'client',
  'commands',
  'conditionalWrites',
  'requestTimeout',
]

/** Objects deleted at the same time, and listed on one page. */
const deletedAtOnce = 16
const pageSize = 1000

/**
 * A store in a bucket of S3 or of anything that speaks its protocol. For large, rarely changing content behind a near
 * tier: each call is an HTTP request.
 *
 * S3 knows no time to live. An object whose lifetime ended is a miss and is then deleted; what nobody reads again stays
 * until a lifecycle rule of the bucket deletes it. Lifetimes are compared with the clocks of those who read.
 *
 * @throws TypeError or RangeError for an option it cannot use.
 */
export function s3Store(options: S3StoreOptions): RemoteStore {
  knownRemoteOptions('s3Store', options, ownOptions)
  const bucket = text('bucket', options?.bucket)
  if (!/^[\w.-]{3,255}$/.test(bucket)) throw new TypeError(`bucket must be the name of a bucket, not ${quote(bucket)}`)
  const clock = clockOption('clock', options.clock, systemClock)
  const objects = objectClient(bucket, options)
  const namespace = options.namespace ?? 'bw'
  const isConditional = flag('conditionalWrites', options.conditionalWrites, false)
  return remoteStore('s3', new InBucket({ objects, namespace, clock, isConditional }), options)
}

function objectClient(bucket: string, options: S3StoreOptions): ObjectClient {
  const timeout = duration('requestTimeout', options.requestTimeout, 10_000)
  const { client, commands } = options
  if (client !== undefined) {
    checkClient(client, commands)
    return new SdkClient({ client, commands, timeout, place: { bucket, endpoint: 'its endpoint', secrets: [] } })
  }
  if (commands !== undefined) throw new TypeError('commands belong to a client: hand in client as well')
  const region = options.region === undefined ? 'us-east-1' : text('region', options.region)
  const endpoint = endpointUrl(options.endpoint ?? `https://s3.${region}.amazonaws.com`)
  const accessKeyId = text('accessKeyId', options.accessKeyId)
  const secretAccessKey = secret('secretAccessKey', options.secretAccessKey)
  const sessionToken = options.sessionToken === undefined ? undefined : secret('sessionToken', options.sessionToken)
  const secrets = [secretAccessKey, ...(sessionToken === undefined ? [] : [sessionToken])]
  const place: S3Place = { bucket, endpoint: endpoint.href, secrets }
  const root = rootOf(endpoint, bucket, flag('pathStyle', options.pathStyle, true))
  return new FetchClient({ root, region, accessKeyId, secretAccessKey, sessionToken, timeout, place })
}

/** The URL that keys are appended to. */
function rootOf(endpoint: URL, bucket: string, isInPath: boolean): string {
  const root = new URL(endpoint)
  if (!root.pathname.endsWith('/')) root.pathname += '/'
  if (isInPath) root.pathname += `${bucket}/`
  else root.host = `${bucket}.${root.host}`
  return root.href
}

function endpointUrl(endpoint: unknown): URL {
  const url = typeof endpoint === 'string' && URL.canParse(endpoint) ? new URL(endpoint) : undefined
  if (url === undefined || !/^https?:$/.test(url.protocol)) {
    throw new TypeError('endpoint must be a URL such as https://s3.eu-central-1.amazonaws.com')
  }
  if (url.username !== '' || url.password !== '') {
    throw new TypeError('endpoint must be a URL without credentials: hand them in as accessKeyId and secretAccessKey')
  }
  if (url.search !== '' || url.hash !== '') throw new TypeError('endpoint must be a URL without a query or fragment')
  return url
}

function checkClient(client: S3ClientLike, commands: unknown): asserts commands is S3Commands {
  if (typeof (client as Partial<S3ClientLike> | null)?.send !== 'function') {
    throw new TypeError(`client must be an S3Client with the method send, not ${quote(client)}`)
  }
  const known = Object(commands) as Partial<S3Commands>
  for (const name of ['GetObjectCommand', 'PutObjectCommand', 'DeleteObjectCommand', 'ListObjectsV2Command'] as const) {
    if (typeof known[name] !== 'function') {
      throw new TypeError(`commands must hold ${name}: import * as commands from '@aws-sdk/client-s3'`)
    }
  }
}

function text(name: string, value: unknown): string {
  if (typeof value === 'string' && value !== '') return value
  throw new TypeError(`${name} must be a text, not ${quote(value)}`)
}

/** As `text`, but what is wrong with it is not shown. */
function secret(name: string, value: unknown): string {
  if (typeof value === 'string' && value !== '') return value
  throw new TypeError(`${name} must be a text that is not empty`)
}

interface BucketSettings {
  readonly objects: ObjectClient
  readonly namespace: string
  readonly clock: Clock
  readonly isConditional: boolean
}

class InBucket implements ByteBackend {
  readonly capabilities: StoreCapabilities | undefined
  readonly bodies: ByteBodies
  readonly #objects: ObjectClient
  readonly #namespace: string
  readonly #clock: Clock

  constructor({ objects, namespace, clock, isConditional }: BucketSettings) {
    this.#objects = objects
    this.#namespace = namespace
    this.#clock = clock
    this.bodies = s3Bodies(objects, objectKey, clock)
    this.capabilities = isConditional ? s3Capabilities(objects, objectKey, clock) : undefined
  }

  async open(): Promise<void> {
    // Needs what everything else needs: an endpoint, credentials, the bucket, and the right to list it.
    await this.#objects.list(`${this.#namespace}/`, 1)
    if (this.capabilities !== undefined) await this.#tryConditions()
  }

  async get(key: string): Promise<Uint8Array | undefined> {
    const name = objectKey(key)
    const found = await this.#objects.get(name)
    if (found === undefined) return undefined
    const value = undated(found.bytes, this.#clock.now())
    if (value !== undefined) return value
    // Where another process has just written it anew, that is lost: a miss more, never a wrong answer.
    this.#objects.delete(name).catch(() => {})
    return undefined
  }

  async set(key: string, value: Buffer, lifetime: number): Promise<void> {
    const expires = this.#clock.now() + lifetime
    await this.#objects.put(objectKey(key), Buffer.concat([datedHeader(expires), value]), expires, 'always')
  }

  async delete(keys: readonly string[]): Promise<void> {
    await this.#deleteObjects(keys.map(objectKey))
  }

  async clear(prefix: string): Promise<void> {
    let page: string | undefined
    do {
      const listed = await this.#objects.list(objectKey(prefix), pageSize, page)
      await this.#deleteObjects(listed.keys.filter((name) => objectName.test(name)))
      page = listed.next
    } while (page !== undefined)
  }

  async close(): Promise<void> {}

  async #deleteObjects(names: readonly string[]): Promise<void> {
    for (let i = 0; i < names.length; i += deletedAtOnce) {
      await Promise.all(names.slice(i, i + deletedAtOnce).map((name) => this.#objects.delete(name)))
    }
  }

  /** An endpoint that ignores the conditions would let two callers hold one lock. */
  async #tryConditions(): Promise<void> {
    const name = `${this.#namespace}/probe`
    const probe = datedHeader(0)
    await this.#objects.put(name, probe, 0, 'absent')
    const isIgnored =
      (await this.#objects.put(name, probe, 0, 'absent')) ||
      (await this.#objects.put(name, probe, 0, { etag: '"00000000000000000000000000000000"' }))
    if (isIgnored) {
      throw new StoreError(
        'The S3 endpoint ignores If-None-Match or If-Match: leave conditionalWrites out, or use an endpoint that has them',
      )
    }
  }
}

/**
 * The name of an object for a key of the store: `bw/<digest>`, its body `bw/<digest>.body` where that is large, and `bw/cap/<digest>`. No
 * name is another's folder, and none holds a character that needs escaping, as services differ in both.
 */
function objectKey(key: string): string {
  return key.replace(':+{', '/cap/').replace(':{', '/').replace('}:', '.').replace('}', '').replace(/:$/, '/')
}

/** Any such name. One with `..` in it, which somebody else may have written beside ours, would lead to other objects. */
const objectName = /^[\w-]+\/(cap\/)?[\w-]+(\.\w+)?$/
