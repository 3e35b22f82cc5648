import type * as EtcdModule from 'etcd3'
import type { Clock } from '../../core/clock.ts'
import type { StoreCapabilities } from '../../core/store/capabilities.ts'
import type { ByteBackend } from '../../core/store/remote.ts'
import { datedHeader, undated } from './dated-bytes.ts'
import { SpentLeases } from './etcd-leases.ts'
import type { EtcdMembers } from './etcd-members.ts'
import { EtcdWatches } from './etcd-watches.ts'
import { type Version, type Versioned, type VersionedClient, versionedCapabilities } from './versioned-capabilities.ts'

type Operation = EtcdModule.IRequestOp
type TxnResponse = EtcdModule.ITxnResponse

/** Of `CompareTarget`, which only the loaded package could name. */
const createRevision = 1
const modRevision = 2
/** etcd takes 128 operations in a transaction; deleting a key needs two. */
const keysAtOnce = 60
/** Keys whose leases are given back when all are removed; the leases of more keys end by themselves. */
const clearedLeases = 10_000
/** Of a key without a lease. */
const noLease = '0'

/** Bytes in etcd, each key with a lease of its own. */
export class EtcdBackend implements ByteBackend, VersionedClient {
  readonly capabilities: StoreCapabilities
  /** With what is around it, below the 1.5 MiB that etcd takes in a request. */
  readonly chunkSize: number = 1024 * 1024
  /** They are copied behind their header. */
  readonly givesBytesBack = true
  readonly #members: EtcdMembers
  readonly #spent: SpentLeases
  readonly #watches: EtcdWatches
  readonly #clock: Clock

  constructor(members: EtcdMembers, clock: Clock) {
    this.#members = members
    this.#clock = clock
    this.#spent = new SpentLeases((lease) =>
      members.repeatable((client) => client.leaseClient.leaseRevoke({ ID: lease })),
    )
    this.#watches = new EtcdWatches(members)
    this.capabilities = {
      ...versionedCapabilities(this),
      publish: async (channel, text) => {
        const put = { key: channelKey(channel), value: Buffer.from(text) }
        await members.once((client) => client.kv.put(put))
      },
      subscribe: (channel, subscriber) => this.#watches.subscribe(channelKey(channel), subscriber),
    }
  }

  open(): Promise<void> {
    return this.#members.open()
  }

  async get(key: string): Promise<Buffer | undefined> {
    return (await this.read(key)).value
  }

  async set(key: string, bytes: Buffer, lifetime: number): Promise<void> {
    const lease = await this.#grant(lifetime)
    const request = { success: replacing(key, this.#dated(bytes, lifetime), lease) }
    try {
      this.#giveBack(await this.#members.repeatable((client) => client.kv.txn(request)), lease)
    } catch (error) {
      this.#spent.add(lease)
      throw error
    }
  }

  async delete(keys: readonly string[]): Promise<void> {
    for (let at = 0; at < keys.length; at += keysAtOnce) {
      const success = keys.slice(at, at + keysAtOnce).flatMap((key) => removing({ key: Buffer.from(key) }))
      this.#giveBack(await this.#members.repeatable((client) => client.kv.txn({ success })))
    }
  }

  async clear(prefix: string): Promise<void> {
    const success = removing({ key: Buffer.from(prefix), range_end: endOf(prefix) })
    this.#giveBack(await this.#members.repeatable((client) => client.kv.txn({ success })))
  }

  async close(): Promise<void> {
    this.#watches.close()
    await this.#spent.close()
    await this.#members.close()
  }

  async read(key: string): Promise<Versioned> {
    const { kvs } = await this.#members.repeatable((client) => client.kv.range({ key: Buffer.from(key) }))
    const [found] = kvs
    if (found === undefined) return { value: undefined, version: 'absent' }
    return { value: undated(found.value, this.#clock.now()), version: found.mod_revision }
  }

  /** A write whose answer is lost may have been done: its lease is left to end, with what it may hold. */
  async write(key: string, version: Version, next: Buffer | undefined, lifetime: number): Promise<boolean> {
    const lease = next === undefined ? noLease : await this.#grant(lifetime)
    const request = {
      compare: [condition(key, version)],
      success:
        next === undefined ? removing({ key: Buffer.from(key) }) : replacing(key, this.#dated(next, lifetime), lease),
    }
    const answer = await this.#members.once((client) => client.kv.txn(request))
    if (answer.succeeded) this.#giveBack(answer)
    else this.#spent.add(lease)
    return answer.succeeded
  }

  /** The header ends a value to the millisecond; the lease, which counts seconds, drops it soon after. */
  #dated(bytes: Buffer, lifetime: number): Buffer {
    return Buffer.concat([datedHeader(this.#clock.now() + lifetime), bytes])
  }

  async #grant(lifetime: number): Promise<string> {
    if (lifetime === Infinity) return noLease
    const seconds = Math.max(1, Math.ceil(lifetime / 1000))
    return (await this.#members.repeatable((client) => client.leaseClient.leaseGrant({ TTL: seconds }))).ID
  }

  /** The leases of what was replaced or removed hold nothing any more; except one, where a write was done twice. */
  #giveBack({ responses }: TxnResponse, except: string = noLease): void {
    for (const { response_range: range } of responses) {
      for (const { lease } of range?.kvs ?? []) if (lease !== except) this.#spent.add(lease)
    }
  }
}

/** Says which lease a key had, then writes it. */
function replacing(key: string, value: Buffer, lease: string): Operation[] {
  const name = Buffer.from(key)
  return [{ request_range: { key: name, keys_only: true } }, { request_put: { key: name, value, lease } }]
}

/** Says which leases keys had, then removes them. */
function removing(range: { readonly key: Buffer; readonly range_end?: Buffer }): Operation[] {
  return [{ request_range: { ...range, keys_only: true, limit: clearedLeases } }, { request_delete_range: range }]
}

function condition(key: string, version: Version): EtcdModule.ICompare {
  const name = Buffer.from(key)
  return version === 'absent'
    ? { key: name, target: createRevision, result: 0, create_revision: 0 }
    : { key: name, target: modRevision, result: 0, mod_revision: version }
}

/** The first key after all that start with `prefix`, which ends in an ASCII character. */
function endOf(prefix: string): Buffer {
  const end = Buffer.from(prefix)
  end[end.length - 1] = (end.at(-1) as number) + 1
  return end
}

/** Apart from the values of capabilities, which may have the same name. */
function channelKey(channel: string): Buffer {
  return Buffer.from(`${channel}:channel`)
}
