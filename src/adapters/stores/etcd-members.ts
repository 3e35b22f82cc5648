import type * as EtcdModule from 'etcd3'
import { systemClock } from '../../core/clock.ts'
import { loadPeer, StoreError, storeError } from '../../core/store/errors.ts'
import { Link } from './link.ts'

type Etcd3 = EtcdModule.Etcd3
type ClientOptions = NonNullable<ConstructorParameters<typeof EtcdModule.Etcd3>[0]>
type Credentials = Required<NonNullable<ClientOptions['credentials']>>
type Policy = NonNullable<NonNullable<ClientOptions['faultHandling']>['global']>

export interface EtcdSettings {
  /** `http[s]://host:port` of each member. */
  readonly hosts: readonly string[]
  readonly auth: { readonly username: string; readonly password: string } | undefined
  /** PEM. Without them, https is what Node trusts. */
  readonly credentials: { readonly [K in keyof Credentials]: Credentials[K] | undefined } | undefined
  /** ms */
  readonly connectTimeout: number
}

interface Member {
  readonly client: Etcd3
  readonly link: Link
}

/** ms after which a call is given up for good: a deadline for requests stands outside. */
const callTimeout = 5_000
/** Asks after a connection that is quiet, so that watching one that is dead comes to an end. etcd wants 5 s or more. */
const keepAlive = { 'grpc.keepalive_time_ms': 10_000, 'grpc.keepalive_timeout_ms': 5_000 }

/** The members of an etcd cluster. Each call goes to one that answers, the same one as long as it does. */
export class EtcdMembers {
  readonly #settings: EtcdSettings
  #members: Promise<readonly Member[]> | undefined
  #reached: readonly Member[] = []
  #isLost: (error: unknown) => boolean = () => false
  #preferred = 0
  #isClosed = false

  constructor(settings: EtcdSettings) {
    this.#settings = settings
  }

  /** Resolves once a member answers. @throws StoreError that says what to do. */
  async open(): Promise<void> {
    this.#members ??= this.#load()
    const loading = this.#members
    const members = await loading.catch((error: unknown) => {
      if (this.#members === loading) this.#members = undefined
      throw error
    })
    try {
      await Promise.any(members.map(({ link }) => link.ready()))
    } catch (error) {
      throw error instanceof AggregateError && error.errors.length === 1
        ? error.errors[0]
        : storeError('No etcd can be reached', error)
    }
  }

  /** Does a call that may be done twice: where its member is lost under way, another one is asked. */
  async repeatable<T>(call: (client: Etcd3) => Promise<T>): Promise<T> {
    for (let left = this.#reached.length; ; left--) {
      const member = this.#present() ?? (await this.#opened())
      try {
        return await call(member.client)
      } catch (error) {
        const reason = this.lost(member.client, error)
        if (member.link.isUp || left <= 1 || this.#present() === undefined) throw reason
      }
    }
  }

  /** Does a call that may have been done even though it rejects. */
  async once<T>(call: (client: Etcd3) => Promise<T>): Promise<T> {
    const member = this.#present() ?? (await this.#opened())
    try {
      return await call(member.client)
    } catch (error) {
      throw this.lost(member.client, error)
    }
  }

  /** Notes that a call failed, and returns why as a sentence. */
  lost(client: Etcd3, error: unknown): StoreError {
    const reason = this.#sentence('etcd did not do what was asked', error)
    if (this.#isLost(error)) this.#reached.find((member) => member.client === client)?.link.lost(reason)
    return reason
  }

  async close(): Promise<void> {
    this.#isClosed = true
    const members = await this.#members?.catch(() => [])
    for (const { client, link } of members ?? []) {
      link.close()
      client.close()
    }
  }

  /** ms to wait for a first answer. */
  get connectTimeout(): number {
    return this.#settings.connectTimeout
  }

  #present(): Member | undefined {
    const members = this.#reached
    for (let i = 0; i < members.length; i++) {
      const index = (this.#preferred + i) % members.length
      if (members[index]?.link.isUp !== true) continue
      this.#preferred = index
      return members[index]
    }
    return undefined
  }

  async #opened(): Promise<Member> {
    await this.open()
    const member = this.#present()
    if (member === undefined) throw new StoreError(`${nameOf(this.#settings.hosts)} cannot be reached now`)
    return member
  }

  async #load(): Promise<readonly Member[]> {
    const etcd = await loadPeer('etcd3', () => import('etcd3'), 'etcdStore')
    const lost = [etcd.GRPCUnavailableError, etcd.GRPCDeadlineExceededError, etcd.GRPCCancelledError]
    this.#isLost = (error) => lost.some((kind) => error instanceof kind)
    this.#reached = this.#settings.hosts.map((host) => this.#member(etcd, host))
    if (this.#isClosed) await this.close()
    return this.#reached
  }

  #member({ Etcd3, EtcdPermissionDeniedError }: typeof EtcdModule, host: string): Member {
    const { auth, credentials, connectTimeout } = this.#settings
    const client = new Etcd3({
      hosts: host,
      ...(auth && { auth: { ...auth, callOptions: () => ({ deadline: within(connectTimeout) }) } }),
      // gRPC takes undefined for an authority as well, and then trusts what Node does.
      ...(credentials && { credentials: credentials as Credentials }),
      grpcOptions: keepAlive,
      defaultCallOptions: ({ isStream }) => (isStream ? {} : { deadline: within(callTimeout) }),
      faultHandling: { host: () => straight, global: straight },
    })
    const reach = async (): Promise<void> => {
      try {
        // What a quorum has to agree on, as every other call.
        await client.kv.range({ key: Buffer.from('health'), keys_only: true }, { deadline: within(connectTimeout) })
      } catch (error) {
        // It answers; whether what we ask for is permitted is another question.
        if (error instanceof EtcdPermissionDeniedError) return
        throw this.#sentence(`${nameOf([host])} cannot be used; see that it runs and that the host is right`, error)
      }
    }
    return { client, link: new Link(nameOf([host]), reach) }
  }

  #sentence(what: string, error: unknown): StoreError {
    const { auth } = this.#settings
    return storeError(what, error, auth === undefined ? [] : [auth.password])
  }
}

/** No retries and no circuit breaker: the links know which member answers. */
const straight = {
  execute: async (work: (context: { signal: AbortSignal }) => unknown) => work({ signal: never }),
} as unknown as Policy

const never = new AbortController().signal

function within(ms: number): number {
  return systemClock.now() + ms
}

function nameOf(hosts: readonly string[]): string {
  return `etcd at ${hosts.join(', ')}`
}
