import type { Ban } from '../events.ts'
import type { Store } from '../store/store.ts'
import type { EntryData } from './entry.ts'

/** When a thing was last purged: sequence number of the newest hard and soft ban, and the soft one's time. */
interface Purged {
  hard: number
  soft: number
  softAt: number
}

/** What purges look at. */
type Passed = Pick<EntryData, 'bansPassed' | 'banLog' | 'groups' | 'target' | 'authority'>

/** More different bans than this are not remembered one by one; beyond it the oldest become a ban of everything older. */
const MAX_BANS = 10_000

/**
 * The purges of one store, in sequence. A purge costs one small record however many entries it hits: an entry is
 * compared with the bans newer than its own number when it is next looked up.
 */
export class BanLog {
  latest = 0
  #log: string | undefined
  #targets = new Map<string, Purged>()
  #groups = new Map<string, Purged>()
  #prefixes = new Map<string, Purged & { authority: string | undefined; prefix: string }>()
  #all: Purged = { hard: 0, soft: 0, softAt: 0 }

  /**
   * Names the log shared with other processes that the numbers are of: undefined where there is none, or it has not been
   * read yet. Numbers of another log say nothing here, so what carries one may have been purged.
   */
  get log(): string | undefined {
    return this.#log
  }

  /** From now on the numbers are those of this shared log. Tells whether it follows another, which is forgotten. */
  follow(log: string): boolean {
    if (log === this.#log) return false
    const isSuccessor = this.#log !== undefined
    this.#log = log
    this.latest = 0
    this.#all = { hard: 0, soft: 0, softAt: 0 }
    this.#forget()
    return isSuccessor
  }

  /** Records a purge of this process; `soft` makes stale what a hard one removes. `now` in epoch ms. */
  add(ban: Ban, soft: boolean, now: number): void {
    this.note(ban, soft, now, this.latest + 1)
  }

  /** Records a purge under the number that a log shared with other processes gave it. `at` in epoch ms. */
  note(ban: Ban, soft: boolean, at: number, sequence: number): void {
    this.latest = Math.max(this.latest, sequence)
    const mark = (known: Purged | undefined): Purged => {
      const purged = known ?? { hard: 0, soft: 0, softAt: 0 }
      if (soft) {
        if (sequence > purged.soft) purged.softAt = at
        purged.soft = Math.max(purged.soft, sequence)
      } else purged.hard = Math.max(purged.hard, sequence)
      return purged
    }
    switch (ban.kind) {
      case 'all':
        mark(this.#all)
        if (!soft) this.#forget()
        return
      case 'group': {
        const id = targetId(ban.authority, ban.group)
        return this.#keep(this.#groups, id, mark(this.#groups.get(id)))
      }
      case 'target': {
        const id = targetId(ban.authority, ban.target)
        return this.#keep(this.#targets, id, mark(this.#targets.get(id)))
      }
      case 'prefix': {
        const id = targetId(ban.authority, ban.prefix)
        const known = this.#prefixes.get(id)
        const purged = known ?? { hard: 0, soft: 0, softAt: 0, authority: ban.authority, prefix: ban.prefix }
        mark(purged)
        return this.#keep(this.#prefixes, id, purged)
      }
    }
  }

  /**
   * What a shared log stands at. Purges up to `floor` are not all known: what has passed fewer counts as purged. Tells
   * whether that is more than before.
   */
  raise(floor: number, latest: number): boolean {
    this.latest = Math.max(this.latest, latest)
    const isMore = floor > this.#all.hard
    if (isMore) this.#all.hard = floor
    return isMore
  }

  /** What has befallen an entry since its own number: removed, made stale at a time (ms), or nothing. */
  check(entry: Passed): 'removed' | { readonly staleAt: number } | undefined {
    const since = entry.bansPassed
    if (entry.banLog !== this.#log) return 'removed'
    if (since >= this.latest) return undefined
    let staleAt = Number.POSITIVE_INFINITY
    for (const purged of this.#concerning(entry)) {
      if (purged.hard > since) return 'removed'
      if (purged.soft > since) staleAt = Math.min(staleAt, purged.softAt)
    }
    return staleAt === Number.POSITIVE_INFINITY ? undefined : { staleAt }
  }

  *#concerning(entry: Passed): Generator<Purged, void, void> {
    yield this.#all
    for (const id of [targetId(undefined, entry.target), targetId(entry.authority, entry.target)]) {
      const purged = this.#targets.get(id)
      if (purged !== undefined) yield purged
    }
    for (const group of entry.groups) {
      for (const id of [targetId(undefined, group), targetId(entry.authority, group)]) {
        const purged = this.#groups.get(id)
        if (purged !== undefined) yield purged
      }
    }
    for (const purged of this.#prefixes.values()) {
      const here = purged.authority === undefined || purged.authority === entry.authority
      if (here && entry.target.startsWith(purged.prefix)) yield purged
    }
  }

  #keep<T extends Purged>(kind: Map<string, T>, id: string, purged: T): void {
    kind.delete(id)
    kind.set(id, purged)
    if (kind.size <= MAX_BANS) return
    const [oldest, forgotten] = kind.entries().next().value as [string, T]
    kind.delete(oldest)
    this.#all.hard = Math.max(this.#all.hard, forgotten.hard, forgotten.soft)
  }

  #forget(): void {
    this.#targets.clear()
    this.#groups.clear()
    this.#prefixes.clear()
  }
}

const targetId = (authority: string | undefined, target: string): string =>
  authority === undefined ? ` ${target}` : `${authority} ${target}`

const logs = new WeakMap<Store, BanLog>()

/** The ban log of a store: one for all caches on it in this process. */
export function bansOf(store: Store): BanLog {
  let log = logs.get(store)
  if (log === undefined) {
    log = new BanLog()
    logs.set(store, log)
  }
  return log
}
