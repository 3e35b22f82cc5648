/** Processes that share a store. */

import type { StoreName } from '../test/support/places.ts'
import { Member } from './member.ts'
import { processes } from './settings.ts'

export class Fleet {
  readonly #store: StoreName
  readonly #address: string
  readonly #members: Member[] = []
  /** Those that were started and are no longer part of it. */
  readonly #former: Member[] = []
  /** What the handlers answer with. */
  version = 1

  constructor(store: StoreName, address: string) {
    this.#store = store
    this.#address = address
  }

  get members(): readonly Member[] {
    return this.#members
  }

  /** Those that ended without having been told to. */
  get crashed(): number {
    return [...this.#members, ...this.#former].filter(({ state }) => state === 'crashed').length
  }

  async start(): Promise<void> {
    // They are in the list before they are ready, so that they are ended if this is cut short.
    for (let i = 0; i < processes; i++) this.#members.push(this.#launch())
    await Promise.all(this.#members.map((member) => member.ready()))
  }

  /** The member a connection belongs to, or another one where that is gone. */
  at(index: number): Member {
    const own = this.#members[index % this.#members.length] as Member
    return own.state === 'running' && own.port > 0 ? own : this.any()
  }

  any(): Member {
    const running = this.#members.filter(({ state, port }) => state === 'running' && port > 0)
    const member = running[Math.floor(Math.random() * running.length)]
    if (member === undefined) throw new Error('No process of the fleet is left')
    return member
  }

  async raise(): Promise<number> {
    const version = ++this.version
    await Promise.all(this.#members.filter(({ state }) => state === 'running').map((member) => member.raise(version)))
    return version
  }

  /** Ends one process as a crash would, and starts another in its place after `pause`. */
  async replace(index: number, pause: () => Promise<unknown>): Promise<void> {
    const gone = this.#members[index] as Member
    await gone.kill()
    await pause()
    this.#former.push(gone)
    const member = this.#launch()
    this.#members[index] = member
    await member.ready()
    // The version may have been raised between its start and now.
    await member.raise(this.version)
  }

  async kill(): Promise<void> {
    await Promise.all([...this.#members, ...this.#former].map((member) => member.kill()))
  }

  #launch(): Member {
    return new Member(this.#store, this.#address, this.version)
  }
}
