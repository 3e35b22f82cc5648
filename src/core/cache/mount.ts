import { eventChannel } from '../events.ts'
import type { CacheControl } from '../http/cache-control.ts'
import type { Fields, FieldValue, RequestHead } from '../http/message.ts'
import type { ItemBody, StoreBudget } from '../store/guard.ts'
import type { Entry } from './entry.ts'
import { storeLifetime } from './entry.ts'
import { Exchange, type ForwardReason } from './exchange.ts'
import type { Fleet } from './fleet.ts'
import type { Flight } from './in-flight.ts'
import { primaryKey, variantKey } from './key.ts'
import { KnownKeys } from './known-keys.ts'
import type { MountSettings } from './options.ts'
import { requestControl } from './policy/directives.ts'
import { evaluate, staleness } from './policy/evaluate.ts'
import type { Invalidation } from './policy/invalidation.ts'
import type { RefusalReason } from './policy/storable.ts'
import { forbiddenReply, type Reply, replyFrom } from './reply.ts'
import type { ResponseCache } from './response-cache.ts'
import { type Asking, type Finding, type Held, isHeld } from './shelf.ts'
import { isUnpinned, pinned, unpinned } from './stored-part.ts'
import { Waiting } from './waiting.ts'

/** What to do with a request. */
export type Decision =
  /** Answer with this: fresh, or a collapsed answer. */
  | { readonly kind: 'hit'; readonly reply: Reply }
  /** Answer with this, which is stale; where there is a `refresh`, run it behind. */
  | { readonly kind: 'stale'; readonly reply: Reply; readonly refresh: Exchange | undefined }
  /** Answer with this 504: only-if-cached. */
  | { readonly kind: 'forbidden'; readonly reply: Reply }
  /** Send it on, with the exchange's conditions in place of the request's. */
  | { readonly kind: 'validate'; readonly exchange: Exchange }
  /** Send it on. */
  | { readonly kind: 'miss'; readonly exchange: Exchange }

/** One request while it is decided upon. */
export interface Asked {
  readonly request: RequestHead
  readonly native: unknown
  readonly signal: AbortSignal | undefined
  readonly control: CacheControl | undefined
  readonly primary: string
  /** Whether `primary` was known beforehand. */
  readonly isKnown: boolean
  /** What it may spend waiting for a far store. */
  readonly budget: StoreBudget | undefined
  /** The flight for the variant it turned out to want; set at most once. */
  readonly regrouped?: string
  /** Until when it waits for others at most, on the monotonic clock. */
  readonly waitsUntil?: number
}

/** Answers that say their key is not shareable; others speak of a passing fault. */
const UNSHARED: ReadonlySet<RefusalReason> = new Set<RefusalReason>([
  'no-store',
  'private',
  'authorization',
  'set-cookie',
  'vary-star',
  'no-freshness',
  'credentials-read',
  'headers-copied',
  'client-address',
  'should-cache',
  'too-large',
  'echoes-trace',
  'event-stream',
])

/** A response cache as one mount uses it: its key, its policy, its rule. Decides; bridges act. */
export class Mount {
  readonly responses: ResponseCache
  readonly settings: MountSettings
  /** Undefined where the key depends on more than the request's head. */
  readonly #knownKeys: KnownKeys | undefined

  constructor(responses: ResponseCache, settings: MountSettings) {
    this.responses = responses
    this.settings = settings
    this.#knownKeys = settings.key === undefined && settings.partition === undefined ? new KnownKeys() : undefined
    responses.register(this)
  }

  /**
   * What to do with a request. Synchronous when a near store has the answer; a promise when a far store must be asked
   * or the answer under way is waited for. It rejects only with the reason of `signal`.
   * `native` is handed to the functions of the mount's options.
   */
  lookup(request: RequestHead, native: unknown, signal?: AbortSignal): Decision | Promise<Decision> {
    const { settings } = this
    if (request.hasBody || !settings.methods.has(request.method)) {
      return this.#bypass(request, native)
    }
    const control = requestControl(request.fields)
    if (control?.noStore && settings.profile.requestDirectives.noStore) {
      if (control.onlyIfCached && settings.profile.requestDirectives.onlyIfCached) return this.#forbidden()
      return this.#forwardUnstored(request, native, 'request')
    }
    const known = this.#knownKeys?.find(request)
    const primary = known ?? this.#tryKeyOf(request, native)
    if (primary === undefined) return this.#forwardUnstored(request, native, 'bypass')
    const isKnown = known !== undefined
    const asked: Asked = { request, native, signal, control, primary, isKnown, budget: this.responses.newBudget() }
    const purges = this.responses.sharedBans?.refresh(asked.budget, signal)
    return purges === undefined ? this.#find(asked) : purges.then(() => this.#find(asked))
  }

  #find(asked: Asked): Decision | Promise<Decision> {
    const finding = this.responses.shelf.find(asked.primary, asked.request, this.#asking(asked))
    return finding instanceof Promise
      ? finding.then((found) => this.#decide(asked, found))
      : this.#decide(asked, finding)
  }

  #asking({ budget, signal }: Pick<Asked, 'budget' | 'signal'>): Asking {
    return { budget, signal, byLanguage: this.settings.profile.policy === 'rfc9111' }
  }

  /** The primary key of a request. @throws what the mount's `key` and `partition` throw. */
  keyOf(request: RequestHead, native: unknown): string {
    const { key } = this.settings
    // No target holds a space, so none is taken for what a route's `key` returns.
    return this.#keyFor(request, native, key === undefined ? request.target : `key ${text('key', key(native))}`)
  }

  #keyFor({ realm, scheme, authority }: RequestHead, native: unknown, target: string): string {
    const { profile, partition } = this.settings
    return primaryKey({
      direction: profile.direction,
      shared: profile.shared,
      realm,
      partition: partition === undefined ? '' : text('partition', partition(native)),
      scheme,
      authority,
      target,
    })
  }

  /** A request for which the mount's own functions fail has no key: it passes by. */
  #tryKeyOf(request: RequestHead, native: unknown): string | undefined {
    try {
      return this.keyOf(request, native)
    } catch (error) {
      this.tellFault(request, error)
      return undefined
    }
  }

  /** An exchange for warming: what is stored is asked for anew, and requests meanwhile follow it. */
  warming(request: RequestHead, native: unknown): Exchange {
    const asked: Asked = {
      request,
      native,
      signal: undefined,
      control: undefined,
      primary: this.keyOf(request, native),
      isKnown: false,
      budget: undefined,
    }
    return this.#exchange(asked, 'request', undefined, true, true)
  }

  #decide(asked: Asked, finding: Finding): Decision | Promise<Decision> {
    const { profile, name, refresh } = this.settings
    const { request, control } = asked
    const now = this.responses.clock.now()
    if (!isHeld(finding)) {
      if (control?.onlyIfCached && profile.requestDirectives.onlyIfCached) return this.#forbidden()
      return this.#forward(asked, finding === undefined ? 'uri-miss' : 'vary-miss', finding)
    }
    const { entry, body } = finding
    const evaluation = evaluate(entry, control, profile, now)
    if (evaluation === 'fresh') {
      const reply = replyFrom(entry, body, request, now, name)
      if (reply.stored === undefined) return this.#hit(asked, entry, reply, now)
      return this.whenOpen(
        asked,
        reply,
        () => this.#decide(asked, undefined),
        () => this.#hit(asked, entry, reply, now),
      )
    }
    const onlyIfCached = control?.onlyIfCached === true && profile.requestDirectives.onlyIfCached
    if (evaluation === 'validate') {
      if (onlyIfCached) return this.#forbidden()
      // RFC 9211 section 2.2: `request` where the response is fresh but the request does not take it.
      return this.#forward(asked, staleness(entry, now) < 0 && !entry.noCache ? 'request' : 'stale', finding)
    }
    const mayRefresh = (): boolean => evaluation === 'stale' && !onlyIfCached && !this.#isLed(finding.key)
    if (mayRefresh() && (refresh === 'first' || this.#needsClient(asked, entry))) {
      return this.#forward(asked, 'stale', finding)
    }
    const reply = replyFrom(entry, body, request, now, name)
    return this.whenOpen(
      asked,
      reply,
      () => this.#decide(asked, undefined),
      () => {
        this.tellStale(request, evaluation === 'stale' ? 'while-revalidate' : 'max-stale')
        // Asked anew: while a large body was opened, another request may have begun to refresh it.
        return { kind: 'stale', reply, refresh: mayRefresh() ? this.#refresh(asked, finding) : undefined }
      },
    )
  }

  #isLed(flight: string): boolean {
    return this.responses.inFlight.get(flight)?.led === true
  }

  #hit({ request, primary, isKnown }: Asked, entry: Entry, reply: Reply, now: number): Decision {
    this.responses.counts.hits++
    if (!isKnown) this.#knownKeys?.keep(request, primary)
    const { hit } = events
    if (hit.hasSubscribers) hit.publish({ ...this.#about(request), age: now - entry.bornAt })
    return { kind: 'hit', reply }
  }

  /** Decides once an answer's content can be read; `otherwise` where a large stored body is gone or damaged. */
  whenOpen(
    { budget, signal }: Asked,
    { stored }: Reply,
    otherwise: () => Decision | Promise<Decision>,
    decide: () => Decision,
  ): Decision | Promise<Decision> {
    if (stored === undefined) return decide()
    return stored.open(budget, signal).then((isOpen) => (isOpen ? decide() : otherwise()))
  }

  /**
   * A refresh behind carries no credentials on a server, and only the resolved authority as Host, so it cannot ask for
   * an answer selected by them.
   */
  #needsClient({ request }: Asked, { vary }: Entry): boolean {
    if (this.settings.profile.direction === 'out') return false
    const { fields, authority } = request
    if (vary.includes('host') && fields.host !== authority) return true
    return ['cookie', 'authorization'].some((name) => vary.includes(name) && fields[name] !== undefined)
  }

  #refresh(asked: Asked, held: Held): Exchange {
    const { fields } = asked.request
    const isOut = this.settings.profile.direction === 'out'
    const carried = isOut ? withoutConditions(fields) : selected(fields, held.entry.vary)
    const request: RequestHead = { ...asked.request, method: 'GET', fields: carried, personal: undefined }
    return this.#exchange({ ...asked, request, control: undefined }, 'stale', held, true, true)
  }

  // Sending on

  #bypass(request: RequestHead, native: unknown): Decision {
    // A POST may bring the representation that later GETs ask for (RFC 9110 section 9.3.3).
    const primary = request.method === 'POST' && this.settings.profile.policy === 'rfc9111'
    return this.#forwardUnstored(
      request,
      native,
      request.method === 'GET' || request.method === 'HEAD' ? 'bypass' : 'method',
      primary ? this.#tryKeyOf(request, native) : undefined,
    )
  }

  #forwardUnstored(request: RequestHead, native: unknown, reason: ForwardReason, primary?: string): Decision {
    this.#tellMiss(request, reason)
    const parts = { mount: this, request, native, primary, reason, leads: false }
    const nothing = { control: undefined, held: undefined, flight: undefined }
    return { kind: 'miss', exchange: new Exchange({ ...parts, ...nothing }) }
  }

  #forbidden(): Decision {
    return { kind: 'forbidden', reply: forbiddenReply(this.settings.name) }
  }

  #forward(asked: Asked, reason: ForwardReason, finding: Finding): Decision | Promise<Decision> {
    const flight = this.responses.inFlight.get(flightKey(asked, finding))
    if (flight?.led && this.#mayFollow(asked, finding)) {
      return this.#follow(asked, reason, isHeld(finding) ? unpinned(finding) : finding, flight)
    }
    if (isHeld(finding) && isUnpinned(finding)) {
      return this.#pin(asked, finding, (held) => this.#forward(asked, reason, held))
    }
    const mayLead = this.#mayLead(asked, finding)
    const { fleet } = this.responses
    const isWaiting = this.settings.collapseTimeout !== undefined && takesStored(asked, reason)
    if (!mayLead || fleet === undefined || !isWaiting) {
      return this.#send(asked, reason, finding, mayLead)
    }
    return this.#sendInTurn(asked, reason, finding, fleet)
  }

  /**
   * A large stored body is held open while its response is validated, so that it is there when the origin says that it
   * still holds, or fails. What cannot be opened is not there.
   */
  async #pin(asked: Asked, held: Held, next: (held: Held) => Decision | Promise<Decision>): Promise<Decision> {
    const found = await pinned(held, asked.budget, asked.signal)
    return found === undefined ? this.#decide(asked, undefined) : next(found)
  }

  /** Leads among all processes that share the store, or answers with what another of them stores. */
  async #sendInTurn(asked: Asked, reason: ForwardReason, finding: Finding, fleet: Fleet): Promise<Decision> {
    // Others in this process follow from now on.
    const exchange = this.#exchange(asked, reason, finding, true)
    if (!exchange.leads) return this.#decisionFor(asked, reason, exchange)
    try {
      const turn = await fleet.turn({
        key: flightKey(asked, finding),
        until: asked.waitsUntil ?? this.responses.clock.monotonic() + (this.settings.collapseTimeout ?? 0),
        signal: asked.signal,
        budget: asked.budget,
        find: (budget) => this.#findFresh({ ...asked, budget }),
      })
      switch (turn.type) {
        case 'found':
          return this.#adopt(asked, reason, exchange, turn.held)
        case 'lead':
          exchange.lease = turn.lease
          exchange.begin()
          break
        case 'alone':
          exchange.begin()
          if (turn.unshared) this.responses.rememberUnshared(asked.primary)
          exchange.goAlone()
      }
    } catch (error) {
      exchange.abandon()
      throw error
    }
    return this.#decisionFor(asked, reason, exchange)
  }

  #adopt(asked: Asked, reason: ForwardReason, exchange: Exchange, { entry, body }: Held): Decision | Promise<Decision> {
    const { request } = asked
    exchange.adopt(entry, body)
    this.responses.rememberShared(exchange.primary as string)
    const now = this.responses.clock.now()
    const reply = replyFrom(entry, body, request, now, this.settings.name, { fwd: reason, collapsed: true })
    return this.whenOpen(
      asked,
      reply,
      () => this.#send(asked, reason, undefined, false),
      () => {
        this.tellCollapsed(request)
        return { kind: 'hit', reply }
      },
    )
  }

  /** What all processes agree on for a request, if it is fresh. */
  async #findFresh({ primary, request, control, ...asked }: Asked): Promise<Held | undefined> {
    const asking = { ...this.#asking(asked), latest: true }
    const finding = await this.responses.shelf.find(primary, request, asking)
    if (!isHeld(finding)) return undefined
    const now = this.responses.clock.now()
    return evaluate(finding.entry, control, this.settings.profile, now) === 'fresh' ? finding : undefined
  }

  /** Whether this process is the one to refresh what is stored; others may be at it where the store is shared. */
  mayRefresh(exchange: Exchange): true | Promise<boolean> {
    const { fleet } = this.responses
    if (fleet === undefined || !exchange.leads) return true
    const { request, primary } = exchange
    const nobody = { control: undefined, signal: undefined, native: undefined, isKnown: false, budget: undefined }
    const find = (): Promise<Held | undefined> => this.#findFresh({ request, primary: primary as string, ...nobody })
    return fleet.refreshTurn({ key: exchange.flightKey as string, find, budget: undefined }).then((turn) => {
      if (turn === undefined) exchange.discard()
      else exchange.lease = turn.lease
      return turn !== undefined
    })
  }

  #send(asked: Asked, reason: ForwardReason, finding: Finding, mayLead: boolean): Decision {
    return this.#decisionFor(asked, reason, this.#exchange(asked, reason, finding, mayLead))
  }

  #decisionFor({ request }: Asked, reason: ForwardReason, exchange: Exchange): Decision {
    this.#tellMiss(request, reason)
    return { kind: exchange.conditions === undefined ? 'miss' : 'validate', exchange }
  }

  #exchange(asked: Asked, reason: ForwardReason, finding: Finding, mayLead: boolean, behind = false): Exchange {
    const flight = this.responses.inFlight.join(flightKey(asked, finding), asked.primary)
    const leads = mayLead && !flight.led
    if (leads) flight.led = true
    const { request, native, primary, control } = asked
    const held = isHeld(finding) ? finding : undefined
    return new Exchange({ mount: this, request, native, primary, control, reason, held, flight, leads, behind })
  }

  /** Only an answer that will be whole, and that the client's own conditions cannot cut short, is worth waiting for. */
  #mayLead({ request, primary }: Asked, finding: Finding): boolean {
    if (request.method !== 'GET' || request.fields.range !== undefined) return false
    // Who leads is also the only one that refreshes, so it counts where nobody waits, too.
    if (isHeld(finding)) return true
    if (this.settings.collapseTimeout === undefined || this.responses.isUnshared(primary)) return false
    const { fields } = request
    if (fields['if-none-match'] !== undefined || fields['if-modified-since'] !== undefined) return false
    // An answer to somebody's credentials says nothing of what others get: nobody waits for it on an unknown key.
    return !hasCredentials(fields) || finding !== undefined || this.responses.isKnownShared(primary)
  }

  #mayFollow({ request, primary }: Asked, finding: Finding): boolean {
    if (this.settings.collapseTimeout === undefined || this.responses.isUnshared(primary)) return false
    return !hasCredentials(request.fields) || finding !== undefined || this.responses.isKnownShared(primary)
  }

  #follow(asked: Asked, reason: ForwardReason, finding: Finding, flight: Flight): Promise<Decision> {
    const { clock } = this.responses
    const waitsUntil = asked.waitsUntil ?? clock.monotonic() + (this.settings.collapseTimeout ?? 0)
    return new Promise((resolve, reject) => {
      if (asked.signal?.aborted) return reject(asked.signal.reason)
      const follower = new Waiting(this, { ...asked, waitsUntil }, reason, finding, (decision) => {
        clearTimeout(timer)
        asked.signal?.removeEventListener('abort', onAbort)
        resolve(decision)
      })
      const onAbort = (): void => {
        clearTimeout(timer)
        flight.remove(follower)
        reject(asked.signal?.reason)
      }
      const timer = setTimeout(
        () => {
          flight.remove(follower)
          follower.release()
        },
        Math.max(0, waitsUntil - clock.monotonic()),
      )
      asked.signal?.addEventListener('abort', onAbort, { once: true })
      const { progress } = flight
      if (progress.type === 'recording' && follower.announce(progress.answer, progress.recording)) return
      flight.add(follower)
    })
  }

  /** For followers: go on alone. */
  sendOn(asked: Asked, reason: ForwardReason, finding: Finding): Decision | Promise<Decision> {
    if (isHeld(finding) && isUnpinned(finding)) {
      return this.#pin(asked, finding, (held) => this.#send(asked, reason, held, false))
    }
    return this.#send(asked, reason, finding, false)
  }

  /** For followers whose leader has gone: go on as the new leader, or behind one that is there already. */
  takeOver(asked: Asked, reason: ForwardReason, finding: Finding): Decision | Promise<Decision> {
    return this.#forward(asked, reason, finding)
  }

  /** For followers that turn out to want another variant than the leader's: lead or follow the flight for theirs. */
  regroup(
    asked: Asked,
    reason: ForwardReason,
    finding: Finding,
    names: readonly string[],
  ): Decision | Promise<Decision> {
    if (asked.regrouped !== undefined) return this.sendOn(asked, reason, finding)
    const regrouped = variantKey(asked.primary, names, asked.request.fields)
    return this.#forward({ ...asked, regrouped }, reason, finding)
  }

  tellCollapsed(request: RequestHead): void {
    this.responses.counts.collapsed++
    if (events.collapsed.hasSubscribers) events.collapsed.publish(this.#about(request))
  }

  // What exchanges report

  /** Returns a promise where the store has it later. */
  keep(primary: string, entry: Entry, body: ItemBody, request: RequestHead): unknown {
    const { responses, settings } = this
    const now = responses.clock.now()
    // What is stored only to be validated is of no use to those who wait.
    if (evaluate(entry, undefined, settings.profile, now) === 'fresh') responses.rememberShared(primary)
    else responses.rememberUnshared(primary)
    responses.forgetRefusal(primary)
    responses.counts.stored++
    const written = responses.shelf.keep(primary, entry, body, storeLifetime(entry, settings.profile, now), request)
    if (events.stored.hasSubscribers) {
      events.stored.publish({ ...this.#about(request), bytes: body.length, lifetime: entry.lifetime })
    }
    return written
  }

  invalidate(request: RequestHead, native: unknown, { targets, groups }: Invalidation): void {
    try {
      this.responses.invalidate(this.keyOf(request, native))
      for (const target of targets) this.responses.invalidate(this.#keyFor(request, native, target))
    } catch (error) {
      this.tellFault(request, error)
    }
    for (const group of groups) this.responses.invalidateGroup(request.authority, group)
  }

  /** Answers without declared length turned out too large a short while ago: to copy the next one is in vain. */
  isTooLarge(primary: string): boolean {
    return this.responses.isUnshared(primary) && this.responses.lastRefusal(primary) === 'too-large'
  }

  rememberUnshared(primary: string, reason: RefusalReason): void {
    if (UNSHARED.has(reason)) this.responses.rememberUnshared(primary)
  }

  tellRefused(request: RequestHead, primary: string | undefined, reason: RefusalReason): void {
    this.responses.counts.refused++
    if (primary !== undefined) this.responses.rememberRefusal(primary, reason)
    if (events.refused.hasSubscribers) events.refused.publish({ ...this.#about(request), reason })
  }

  tellFault(request: RequestHead, error: unknown): void {
    if (events.fault.hasSubscribers) events.fault.publish({ ...this.#about(request), error })
  }

  tellFreshened(request: RequestHead): void {
    this.responses.counts.freshened++
    if (events.freshened.hasSubscribers) events.freshened.publish(this.#about(request))
  }

  tellStale(request: RequestHead, reason: 'while-revalidate' | 'max-stale' | 'origin-failed'): void {
    this.responses.counts.stale++
    if (events.stale.hasSubscribers) events.stale.publish({ ...this.#about(request), reason })
  }

  tellGuard(
    request: RequestHead,
    finding: 'implied-vary' | 'credentials' | 'headers-copied' | 'client-address',
    names: readonly string[],
  ): void {
    if (events.guard.hasSubscribers) events.guard.publish({ ...this.#about(request), finding, names })
  }

  tellRefresh(request: RequestHead, ok: boolean, error?: unknown): void {
    this.responses.counts.refreshes++
    if (events.refresh.hasSubscribers) {
      events.refresh.publish({ ...this.#about(request), ok, ...(error === undefined ? {} : { error }) })
    }
  }

  #tellMiss(request: RequestHead, reason: ForwardReason): void {
    const { counts } = this.responses
    if (reason === 'bypass' || reason === 'method') counts.bypasses++
    else counts.misses++
    if (events.miss.hasSubscribers) events.miss.publish({ ...this.#about(request), reason })
  }

  #about({ method, authority, target }: RequestHead) {
    return { method, authority, target, direction: this.settings.profile.direction }
  }
}

const events = {
  hit: eventChannel('breakwater:cache:hit'),
  stale: eventChannel('breakwater:cache:stale'),
  miss: eventChannel('breakwater:cache:miss'),
  freshened: eventChannel('breakwater:cache:freshened'),
  stored: eventChannel('breakwater:cache:stored'),
  fault: eventChannel('breakwater:cache:fault'),
  refused: eventChannel('breakwater:cache:refused'),
  collapsed: eventChannel('breakwater:cache:collapsed'),
  refresh: eventChannel('breakwater:cache:refresh'),
  guard: eventChannel('breakwater:cache:guard'),
}

/** A request that does not take what is stored has no use for what another process has just stored. */
function takesStored({ control }: Asked, reason: ForwardReason): boolean {
  return reason !== 'request' && !control?.noCache && control?.maxAge === undefined
}

function hasCredentials({ cookie, authorization }: Fields): boolean {
  return cookie !== undefined || authorization !== undefined
}

function text(option: string, value: unknown): string {
  if (typeof value === 'string') return value
  throw new TypeError(`${option} must return a string, not ${typeof value}`)
}

/** Requests for different variants do not wait for each other where it is known how the variants differ. */
function flightKey({ primary, request, regrouped }: Asked, finding: Finding): string {
  if (regrouped !== undefined) return regrouped
  if (finding === undefined) return primary
  if (isHeld(finding)) return finding.key
  const [newest] = finding.variants
  return newest === undefined ? primary : variantKey(primary, newest.names, request.fields)
}

/** The fields that make up key and Vary: all that a refresh behind needs to know of the request that caused it. */
function selected(fields: Fields, vary: readonly string[]): Fields {
  const kept: Record<string, FieldValue> = {}
  for (const name of ['host', ...vary]) {
    if (Object.hasOwn(fields, name) && name !== 'cookie' && name !== 'authorization') kept[name] = fields[name]
  }
  return kept
}

const CONDITIONS = ['if-none-match', 'if-modified-since', 'if-match', 'if-unmodified-since', 'if-range', 'range']

function withoutConditions(fields: Fields): Fields {
  return Object.fromEntries(Object.entries(fields).filter(([name]) => !CONDITIONS.includes(name)))
}
