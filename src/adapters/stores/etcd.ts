import { systemClock } from '../../core/clock.ts'
import { clockOption, duration, quote } from '../../core/options.ts'
import { knownRemoteOptions, type RemoteStore, type RemoteStoreOptions, remoteStore } from '../../core/store/remote.ts'
import { EtcdBackend } from './etcd-backend.ts'
import { EtcdMembers, type EtcdSettings } from './etcd-members.ts'

export interface EtcdStoreOptions extends RemoteStoreOptions {
  /** `http[s]://host:port` of a member or of several; the port is 2379 where it is left out. */
  readonly hosts: string | readonly string[]
  /** With `password`, where etcd asks for them. */
  readonly username?: string | undefined
  readonly password?: string | undefined
  /** Milliseconds to wait for a member's first answer. Default 2000. */
  readonly connectTimeout?: number | undefined
}

const usualPort = '2379'

/**
 * A store in etcd, each item with a lease of its own. Needs the package `etcd3`. While no member answers every call
 * rejects at once, and it goes on by itself when one does. Processes that share it must agree on the time, and etcd
 * must compact its history (`--auto-compaction-retention`), or it fills up with what was replaced.
 *
 * @throws TypeError or RangeError for an option it cannot use.
 */
export function etcdStore(options: EtcdStoreOptions): RemoteStore {
  knownRemoteOptions('etcdStore', options, ['hosts', 'username', 'password', 'connectTimeout'])
  const settings: EtcdSettings = {
    hosts: hostsOf(options?.hosts),
    auth: authOf(options),
    connectTimeout: duration('connectTimeout', options.connectTimeout, 2000),
  }
  const clock = clockOption('clock', options.clock, systemClock)
  return remoteStore('etcd', new EtcdBackend(new EtcdMembers(settings), clock), options)
}

function hostsOf(given: unknown): string[] {
  const hosts: unknown = typeof given === 'string' ? [given] : given
  if (!Array.isArray(hosts) || hosts.length === 0) {
    throw new TypeError(`etcdStore needs hosts, such as 'http://127.0.0.1:2379' or a list of them, not ${quote(given)}`)
  }
  return hosts.map(hostOf)
}

function hostOf(host: unknown): string {
  const found =
    typeof host === 'string' ? /^(https?:\/\/)([\w.-]+|\[[\da-f:.]+\])(?::(\d{1,5}))?\/?$/i.exec(host) : null
  const [, protocol = '', name = '', port = usualPort] = found ?? []
  if (found === null || Number(port) < 1 || Number(port) > 65_535) {
    const shown = typeof host === 'string' ? host.replace(/^(\w+:\/\/)?.*@/s, '$1***@') : host
    const advice = shown === host ? '' : '; a user and a password are options of their own'
    throw new TypeError(`hosts must be http://host:port or https://host:port, not ${quote(shown)}${advice}`)
  }
  return `${protocol.toLowerCase()}${name}:${port}`
}

function authOf({ username, password }: EtcdStoreOptions): EtcdSettings['auth'] {
  if (username === undefined && password === undefined) return undefined
  if (typeof username !== 'string' || username === '') {
    throw new TypeError(`username must be a user of etcd beside password, not ${quote(username)}`)
  }
  if (typeof password !== 'string') throw new TypeError('password must be a string beside username')
  return { username, password }
}
