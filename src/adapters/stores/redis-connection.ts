import { setTimeout as sleep } from 'node:timers/promises'
import type { RedisClientOptions } from '@redis/client'
import { loadPeer, StoreError, storeError } from '../../core/store/errors.ts'

export type CommandPart = string | Buffer
export type Command = readonly CommandPart[]

/** What a node-redis client does for us, whatever modules and types it was made with. */
export interface NodeRedis {
  readonly isOpen: boolean
  readonly isReady: boolean
  connect(): Promise<unknown>
  destroy(): void
  sendCommand(command: Command, options?: object): Promise<unknown>
  subscribe(channels: string | string[], listener: (text: string, channel: string) => void): Promise<void>
  unsubscribe(channels: string): Promise<void>
  on(event: 'error', listener: (error: Error) => void): unknown
  once(event: 'connect', listener: () => void): unknown
}

/** node-redis answers bulk strings, RESP's type `$`, as Buffers. */
export const asBuffers: object = { typeMapping: { ['$'.charCodeAt(0)]: Buffer } }

/** What a connection is to, and whom it tells how it does. */
export interface ConnectionPlan {
  /** A word for errors: `Redis`. */
  readonly what: string
  /** Where to connect: the first that answers is taken. Asked anew before every attempt. */
  candidates(): readonly RedisClientOptions[] | Promise<readonly RedisClientOptions[]>
  /** Milliseconds, for the socket and once more for what is said first. */
  readonly connectTimeout: number
  /** What errors must not show. */
  readonly secrets: readonly string[]
  /** Does what must be done before the connection counts as standing. Rejects where this server will not do. */
  prepare?(client: NodeRedis, options: RedisClientOptions): Promise<void>
  connected?(): void
  lost?(): void
}

type State =
  | { readonly kind: 'idle' }
  /** `reason` is why it has no connection since an earlier attempt. */
  | { readonly kind: 'connecting'; readonly attempt: Promise<void>; readonly reason: StoreError | undefined }
  | { readonly kind: 'connected'; readonly client: NodeRedis; readonly address: string; readonly watch: NodeJS.Timeout }
  | { readonly kind: 'waiting'; readonly reason: StoreError; readonly timer: NodeJS.Timeout }
  | { readonly kind: 'closed' }

/** Milliseconds before the first attempt to connect again, and the longest such wait. */
const firstWait = 50
const longestWait = 2000
/** A server that is asked this often, in ms, and says nothing for so many times is given up. */
const askEvery = 3000
const silencesAllowed = 3
/** Milliseconds that closing waits for what is under way. */
const lastAnswers = 1000

/**
 * One connection that is made again for ever after it was lost. Meanwhile everything that is asked of it rejects at
 * once. node-redis makes each client; it does not reconnect by itself, since the place may be another next time.
 */
export class RedisConnection {
  readonly #plan: ConnectionPlan
  #state: State = { kind: 'idle' }
  #hasAnswered = false

  constructor(plan: ConnectionPlan) {
    this.#plan = plan
  }

  /** Starts to connect. Waits for the first attempt; while later ones go on, rejects at once with the reason. */
  open(): Promise<void> {
    const state = this.#state
    if (state.kind === 'connected') return Promise.resolve()
    if (state.kind === 'idle') return this.#start(0, undefined)
    if (state.kind === 'connecting' && state.reason === undefined) return state.attempt
    return Promise.reject(this.#missing())
  }

  get isConnected(): boolean {
    return this.#state.kind === 'connected'
  }

  /** @throws StoreError where there is no connection now. */
  get client(): NodeRedis {
    if (this.#state.kind === 'connected') return this.#state.client
    throw this.#missing()
  }

  /** `host:port` of the server that it is connected to, or a word for it. */
  get address(): string {
    return this.#state.kind === 'connected' ? this.#state.address : 'the server'
  }

  /** Rejects at once where there is no connection, and with the client's own error where the server refuses. */
  send(command: Command): Promise<unknown> {
    if (this.#state.kind !== 'connected') return Promise.reject(this.#missing())
    return this.#state.client.sendCommand(command, asBuffers).then(this.#answered, this.#refused)
  }

  /** Gives up the connection, if it is the one of `client`, and makes another. */
  drop(reason: string, cause?: unknown, client?: NodeRedis): void {
    const state = this.#state
    if (state.kind !== 'connected' || (client !== undefined && client !== state.client)) return
    clearInterval(state.watch)
    this.#wait(0, this.#error(`${this.#plan.what} at ${state.address} ${reason}`, cause))
    destroy(state.client)
    this.#plan.lost?.()
  }

  /** Tries again now, where it waits to do so. */
  hurry(): void {
    if (this.#state.kind !== 'waiting') return
    clearTimeout(this.#state.timer)
    this.#start(0, this.#state.reason).catch(() => {})
  }

  async close(): Promise<void> {
    const state = this.#state
    this.#state = { kind: 'closed' }
    if (state.kind === 'waiting') clearTimeout(state.timer)
    if (state.kind !== 'connected') return
    clearInterval(state.watch)
    const deadline = new AbortController()
    const answered = state.client.sendCommand(['PING']).catch(() => {})
    await Promise.race([answered, sleep(lastAnswers, undefined, { signal: deadline.signal }).catch(() => {})])
    deadline.abort()
    destroy(state.client)
  }

  #start(failures: number, reason: StoreError | undefined): Promise<void> {
    const attempt = this.#attempt(failures)
    this.#state = { kind: 'connecting', attempt, reason }
    return attempt
  }

  async #attempt(failures: number): Promise<void> {
    try {
      const { client, address } = await this.#connect()
      if (this.#state.kind === 'closed') {
        destroy(client)
        throw this.#missing()
      }
      this.#state = { kind: 'connected', client, address, watch: this.#watch(client) }
      // It may have broken before anybody could be told.
      if (!client.isReady) this.drop('closed the connection', undefined, client)
      else this.#plan.connected?.()
    } catch (error) {
      const reason = error instanceof StoreError ? error : this.#error(`${this.#plan.what} cannot be reached`, error)
      if (this.#state.kind !== 'closed') this.#wait(failures, reason)
      throw reason
    }
  }

  #wait(failures: number, reason: StoreError): void {
    const longest = Math.min(firstWait * 2 ** Math.min(failures, 10), longestWait)
    // Half of it by chance, so that a fleet does not come back at one moment.
    const wait = longest * (0.5 + Math.random() / 2)
    const timer = setTimeout(() => this.#start(failures + 1, reason).catch(() => {}), wait).unref()
    this.#state = { kind: 'waiting', reason, timer }
  }

  async #connect(): Promise<{ client: NodeRedis; address: string }> {
    let failure: unknown
    for (const options of await this.#plan.candidates()) {
      if (this.#state.kind === 'closed') break
      const address = addressOf(options)
      try {
        return { client: await this.#connectTo(options), address }
      } catch (error) {
        failure = error instanceof StoreError ? error : this.#error(unreached(this.#plan.what, address, error), error)
      }
    }
    throw failure ?? this.#missing()
  }

  async #connectTo(options: RedisClientOptions): Promise<NodeRedis> {
    const { connectTimeout } = this.#plan
    const { createClient } = await loadPeer('@redis/client', () => import('@redis/client'), 'redisStore')
    const socket = { ...options.socket, connectTimeout, reconnectStrategy: false } as RedisClientOptions['socket'] & {}
    const client = createClient({ ...options, disableOfflineQueue: true, socket }) as unknown as NodeRedis
    let failure: unknown
    const fail = (error: Error): void => {
      failure ??= error
      destroy(client)
    }
    client.on('error', (error) => {
      fail(error)
      this.drop('broke the connection', error, client)
    })
    // node-redis limits the time of the socket, but not of a server that takes connections and says nothing.
    let deadline: NodeJS.Timeout | undefined
    client.once('connect', () => {
      deadline = setTimeout(() => fail(new Error(`no answer within ${connectTimeout} ms`)), connectTimeout)
    })
    try {
      await client.connect()
      // A server that wants a password, or is loading, says so only when it is asked. Some users may not ask.
      await client.sendCommand(['PING']).catch((error: Error) => {
        if (!error.message.startsWith('NOPERM')) throw error
      })
      await this.#plan.prepare?.(client, options)
      return client
    } catch (error) {
      destroy(client)
      throw failure ?? error
    } finally {
      clearTimeout(deadline)
    }
  }

  /** A peer that vanished without a word would otherwise be waited for until the system gives up, after many minutes. */
  #watch(client: NodeRedis): NodeJS.Timeout {
    let silences = 0
    const watch = setInterval(() => {
      silences = this.#hasAnswered ? 0 : silences + 1
      this.#hasAnswered = false
      if (silences >= silencesAllowed) {
        this.drop(`did not answer for ${(silencesAllowed * askEvery) / 1000} s`, undefined, client)
      } else if (silences === 0) {
        client.sendCommand(['PING']).then(this.#answered, this.#answered)
      }
    }, askEvery)
    this.#hasAnswered = true
    return watch.unref()
  }

  readonly #answered = (reply: unknown): unknown => {
    this.#hasAnswered = true
    return reply
  }

  readonly #refused = (error: unknown): never => {
    this.#hasAnswered = true
    throw error
  }

  #missing(): StoreError {
    const { what } = this.#plan
    switch (this.#state.kind) {
      case 'closed':
        return new StoreError(`The connection to ${what} was closed`)
      case 'waiting':
      case 'connecting':
        return new StoreError(`Not connected now; ${this.#state.reason?.message ?? `connecting to ${what}`}`)
      default:
        return new StoreError(`Not connected to ${what} yet`)
    }
  }

  #error(text: string, cause: unknown): StoreError {
    return storeError(text, cause, this.#plan.secrets)
  }
}

function destroy(client: NodeRedis): void {
  if (client.isOpen) client.destroy()
}

function unreached(what: string, address: string, error: unknown): string {
  return /^(WRONGPASS|NOAUTH|NOPERM|ERR (AUTH|Client sent AUTH|invalid password))/.test(
    String((error as Error)?.message),
  )
    ? `${what} at ${address} does not let us in; check the user and password that redisStore was given`
    : `${what} at ${address} cannot be reached; check that it runs and that redisStore was given its address`
}

/** `host:port`, or the path of a socket, without user and password. */
export function addressOf({ url, socket }: RedisClientOptions): string {
  if (url !== undefined) {
    const { hostname, port } = new URL(url)
    return `${hostname}:${port || 6379}`
  }
  const { path, host = 'localhost', port = 6379 } = (socket ?? {}) as { path?: string; host?: string; port?: number }
  return path ?? `${host}:${port}`
}
