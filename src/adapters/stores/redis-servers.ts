import type { RedisClientOptions } from '@redis/client'
import { type StoreError, storeError } from '../../core/store/errors.ts'
import { type Command, type ConnectionPlan, RedisConnection } from './redis-connection.ts'

export type Send = (command: Command) => Promise<unknown>

/** What is told of a connection for subscriptions. */
export type ListenerPlan = Required<Pick<ConnectionPlan, 'prepare' | 'connected' | 'lost'>>

/** One server, or several that share the keys. */
export interface RedisServers {
  /** Connects. @throws StoreError that says what to do; goes on connecting in the background. */
  open(): Promise<void>
  /** Sends a command to the server of `key`; bulk strings come back as Buffers. Rejects at once where it is not connected. */
  send(key: string, command: Command): Promise<unknown>
  /** One for each server that holds keys. */
  each(): readonly Send[]
  /** Whether keys of one command must have the same hash tag. */
  readonly isCluster: boolean
  /** A connection of its own for subscriptions, not opened yet. */
  listener(plan: ListenerPlan): RedisConnection
  close(): Promise<void>
}

/** What all connections of one store have. */
export interface ConnectionSettings {
  /** Milliseconds. */
  readonly connectTimeout: number
  readonly secrets: readonly string[]
}

/** A server at a fixed address. */
export function singleServer(options: RedisClientOptions, settings: ConnectionSettings): RedisServers {
  const plan = { what: 'Redis', candidates: () => [options], ...settings }
  return new OneServer(new RedisConnection(plan), (hooks) => new RedisConnection({ ...plan, ...hooks }), settings)
}

/** The server that answers for all keys, over a connection that may lead elsewhere after it was lost. */
export class OneServer implements RedisServers {
  readonly isCluster = false
  readonly #connection: RedisConnection
  readonly #listener: (plan: ListenerPlan) => RedisConnection
  readonly #settings: ConnectionSettings

  constructor(
    connection: RedisConnection,
    listener: (plan: ListenerPlan) => RedisConnection,
    settings: ConnectionSettings,
  ) {
    this.#connection = connection
    this.#listener = listener
    this.#settings = settings
  }

  open(): Promise<void> {
    return this.#connection.open()
  }

  send(_key: string, command: Command): Promise<unknown> {
    return this.#send(command)
  }

  each(): readonly Send[] {
    return [(command) => this.#send(command)]
  }

  listener(plan: ListenerPlan): RedisConnection {
    return this.#listener(plan)
  }

  close(): Promise<void> {
    return this.#connection.close()
  }

  #send(command: Command): Promise<unknown> {
    return this.#connection.send(command).catch((error) => {
      // It was the master once.
      if (isReply(error, 'READONLY')) this.#connection.drop('is a replica now')
      throw refusal(command, error, this.#settings.secrets)
    })
  }
}

/** Whether a server answered with an error that starts with this word. */
export function isReply(error: unknown, word: string): boolean {
  return error instanceof Error && error.message.startsWith(`${word} `)
}

/** What a store says where a server did not do as asked. */
export function refusal(command: Command, error: unknown, secrets: readonly string[]): StoreError {
  if (error instanceof Error && error.name === 'StoreError') return error as StoreError
  const hint = isReply(error, 'MOVED')
    ? '; it belongs to a cluster, so give redisStore cluster: { rootNodes: [...] }'
    : ''
  return storeError(`Redis did not do ${String(command[0])}${hint}`, error, secrets)
}
