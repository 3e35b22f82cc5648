import type * as EtcdModule from 'etcd3'
import type { Subscriber } from '../../core/store/capabilities.ts'
import { StoreError } from '../../core/store/errors.ts'
import type { EtcdMembers } from './etcd-members.ts'
import { Link } from './link.ts'

type WatchStream = Awaited<ReturnType<EtcdModule.WatchClient['watch']>>

/** Subscriptions to keys, each by a watch that is made again when it is lost. */
export class EtcdWatches {
  readonly #members: EtcdMembers
  readonly #watches = new Set<Watch>()

  constructor(members: EtcdMembers) {
    this.#members = members
  }

  /** Rejects where it cannot watch now; later losses are told to the subscriber, and made good. */
  async subscribe(key: Buffer, subscriber: Subscriber): Promise<() => Promise<void>> {
    const watch = new Watch(this.#members, key, subscriber)
    this.#watches.add(watch)
    const end = async (): Promise<void> => {
      this.#watches.delete(watch)
      watch.close()
    }
    try {
      await watch.open()
    } catch (error) {
      await end()
      throw error
    }
    return end
  }

  close(): void {
    for (const watch of this.#watches) watch.close()
    this.#watches.clear()
  }
}

class Watch {
  readonly #members: EtcdMembers
  readonly #key: Buffer
  readonly #subscriber: Subscriber
  readonly #link: Link
  #stream: WatchStream | undefined
  #isClosed = false

  constructor(members: EtcdMembers, key: Buffer, subscriber: Subscriber) {
    this.#members = members
    this.#key = key
    this.#subscriber = subscriber
    this.#link = new Link('a watch', () => this.#connect())
  }

  open(): Promise<void> {
    return this.#link.ready()
  }

  close(): void {
    this.#isClosed = true
    this.#link.close()
    if (this.#stream !== undefined) end(this.#stream)
  }

  async #connect(): Promise<void> {
    const [stream, client] = await this.#members.once(async (chosen) => [await chosen.watchClient.watch(), chosen])
    this.#stream = stream
    await new Promise<void>((resolve, reject) => {
      const lost = (error: Error): void => {
        clearTimeout(late)
        if (this.#stream !== stream) return
        this.#stream = undefined
        end(stream)
        const reason = this.#members.lost(client, error)
        reject(reason)
        this.#lost(reason)
      }
      const late = setTimeout(() => lost(new StoreError('etcd did not begin to watch')), this.#members.connectTimeout)
      stream.on('error', lost)
      stream.on('end', () => lost(new StoreError('etcd ended a watch')))
      stream.on('data', (answer) => {
        clearTimeout(late)
        if (answer.canceled) lost(new StoreError(`etcd cancelled a watch: ${answer.cancel_reason}`))
        else if (answer.created) resolve()
        else this.#tell(answer)
      })
      if (this.#isClosed) lost(new StoreError('The subscription was ended'))
      else stream.write({ create_request: { key: this.#key } })
    })
    this.#subscriber.connected()
  }

  #tell({ events }: EtcdModule.IWatchResponse): void {
    if (this.#isClosed) return
    for (const { type, kv } of events) if (/^put$/i.test(type)) this.#subscriber.message(kv.value.toString())
  }

  #lost(reason: Error): void {
    if (this.#isClosed || !this.#link.isUp) return
    this.#subscriber.lost()
    this.#link.lost(reason)
  }
}

/** Ended first: etcd3 takes a stream that breaks while it can be written to for a member that is gone. */
function end(stream: WatchStream): void {
  stream.end()
  stream.cancel()
}
