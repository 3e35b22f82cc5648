import { systemClock } from '../../core/clock.ts'
import { clockOption, duration, quote } from '../../core/options.ts'
import { knownRemoteOptions, type RemoteStore, type RemoteStoreOptions, remoteStore } from '../../core/store/remote.ts'
import { MemcachedBackend } from './memcached-backend.ts'
import { type MemcachedAddress, MemcachedClient } from './memcached-client.ts'

export interface MemcachedStoreOptions extends RemoteStoreOptions {
  /** `host:port` of each instance, `[address]:port` for IPv6; the port is 11211 where it is left out. */
  readonly servers: readonly string[]
  /** Milliseconds to wait for a connection. Default 2000. */
  readonly connectTimeout?: number | undefined
}

const usualPort = 11_211

/**
 * A store on one or more memcached servers, which needs no package. Each key has its own server. While one is gone, its
 * keys are missing and writing them rejects at once; the others go on. While all are gone every call rejects at once.
 * Processes that share servers must agree on the time.
 *
 * @throws TypeError or RangeError for an option it cannot use.
 */
export function memcachedStore(options: MemcachedStoreOptions): RemoteStore {
  knownRemoteOptions('memcachedStore', options, ['servers', 'connectTimeout'])
  const addresses = addressesOf(options?.servers)
  const connectTimeout = duration('connectTimeout', options.connectTimeout, 2000)
  const clock = clockOption('clock', options.clock, systemClock)
  const clients = addresses.map((address) => new MemcachedClient(address, connectTimeout))
  return remoteStore('memcached', new MemcachedBackend(clients, clock), options)
}

function addressesOf(servers: unknown): MemcachedAddress[] {
  if (!Array.isArray(servers) || servers.length === 0) {
    throw new TypeError(`memcachedStore needs servers, a list such as ['127.0.0.1:11211'], not ${quote(servers)}`)
  }
  const addresses = servers.map(addressOf)
  const names = addresses.map(({ host, port }) => `${host}:${port}`)
  const twice = names.find((name, index) => names.indexOf(name) !== index)
  if (twice !== undefined) throw new TypeError(`servers names ${quote(twice)} twice`)
  return addresses
}

function addressOf(server: unknown): MemcachedAddress {
  const found = typeof server === 'string' ? /^(?:\[([\da-f:.]+)\]|([\w.-]+))(?::(\d{1,5}))?$/i.exec(server) : null
  const port = Number(found?.[3] ?? usualPort)
  const host = found?.[1] ?? found?.[2]
  if (host === undefined || port < 1 || port > 65_535) {
    const shown = typeof server === 'string' ? server.replace(/^.*@/s, '***@') : server
    throw new TypeError(`servers must hold host:port, such as '127.0.0.1:11211', not ${quote(shown)}`)
  }
  return { host, port }
}
