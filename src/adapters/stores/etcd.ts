import { createSecureContext } from 'node:tls'
import { systemClock } from '../../core/clock.ts'
import { clockOption, duration, knownOptions, quote } from '../../core/options.ts'
import { knownRemoteOptions, type RemoteStore, type RemoteStoreOptions, remoteStore } from '../../core/store/remote.ts'
import { EtcdBackend } from './etcd-backend.ts'
import { EtcdMembers, type EtcdSettings } from './etcd-members.ts'

export interface EtcdStoreOptions extends RemoteStoreOptions {
  /** `http[s]://host:port` of a member or of several; the port is 2379 where it is left out. */
  readonly hosts: string | readonly string[]
  /** With `password`, where etcd asks for them. */
  readonly username?: string | undefined
  readonly password?: string | undefined
  /** For `https://` hosts. Default: trusts what Node does (`NODE_EXTRA_CA_CERTS` adds to it), and shows no certificate. */
  readonly credentials?: EtcdCredentials | undefined
  /** Milliseconds to wait for a member's first answer. Default 2000. */
  readonly connectTimeout?: number | undefined
}

/** Certificates as etcd3 takes them, in PEM. */
export interface EtcdCredentials {
  /** The authorities to trust, in place of those that Node does. */
  readonly rootCertificate?: Buffer | undefined
  /** Of the certificate in `certChain`. */
  readonly privateKey?: Buffer | undefined
  /** What this client shows where etcd asks for a certificate (`--client-cert-auth`). */
  readonly certChain?: Buffer | undefined
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
  knownRemoteOptions('etcdStore', options, ['hosts', 'username', 'password', 'credentials', 'connectTimeout'])
  const hosts = hostsOf(options?.hosts)
  const settings: EtcdSettings = {
    hosts,
    auth: authOf(options),
    credentials: credentialsOf(options.credentials, hosts),
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

const credentialNames = ['rootCertificate', 'privateKey', 'certChain'] as const

/** What is wrong with them is said without showing them. */
function credentialsOf(given: EtcdCredentials | undefined, hosts: readonly string[]): EtcdSettings['credentials'] {
  if (given === undefined) return undefined
  knownOptions('credentials', given, credentialNames)
  for (const name of credentialNames) {
    const isUsable = given[name] === undefined || Buffer.isBuffer(given[name])
    if (!isUsable) throw new TypeError(`credentials.${name} must be a Buffer of PEM`)
  }
  const { rootCertificate, privateKey, certChain } = given
  if ((privateKey === undefined) !== (certChain === undefined)) {
    throw new TypeError('credentials need privateKey and certChain together')
  }
  if (!hosts.every((host) => host.startsWith('https:'))) throw new TypeError('credentials are for https:// hosts')
  try {
    createSecureContext({ ca: rootCertificate, key: privateKey, cert: certChain })
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException
    throw new TypeError(`credentials cannot be used: they must be PEM, and a key that fits its certificate (${code})`)
  }
  return { rootCertificate, privateKey, certChain }
}
