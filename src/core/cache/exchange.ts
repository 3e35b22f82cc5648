import { randomUUID } from 'node:crypto'
import type { CacheControl } from '../http/cache-control.ts'
import { cacheStatus } from '../http/cache-status.ts'
import { formatHttpDate } from '../http/date.ts'
import { parseGroups } from '../http/groups.ts'
import { combined, type Fields, fieldsOf, firstLine, type RequestHead, type ResponseHead } from '../http/message.ts'
import { parseContentRange } from '../http/range.ts'
import { parseTags } from '../http/surrogate.ts'
import { evaluateConditions, validatorsOf } from '../http/validators.ts'
import type { ItemBody } from '../store/guard.ts'
import type { Lease } from '../store/lease.ts'
import { describeEntry, type Entry, type StoredRange } from './entry.ts'
import type { Flight, LeadersAnswer } from './in-flight.ts'
import { variantKey } from './key.ts'
import type { Mount } from './mount.ts'
import { failureOf, mayStandIn, type OriginFailure } from './policy/evaluate.ts'
import { confirms, describesSame, freshenedLines } from './policy/freshen.ts'
import { invalidation, isUnsafe, sameOriginTarget } from './policy/invalidation.ts'
import { assess, echoesTrace, type RefusalReason, type Refused, type Storable } from './policy/storable.ts'
import type { ReadKind, ReadLog } from './read-log.ts'
import { Recording } from './recording.ts'
import { type Reply, replyFrom, type StatusParts } from './reply.ts'
import { type CacheRule, groupsOf, mergeRules } from './rule.ts'
import type { Held } from './shelf.ts'

/** Why a request goes forward: the word of Cache-Status' `fwd` (RFC 9211 section 2.2). */
export type ForwardReason = 'uri-miss' | 'vary-miss' | 'stale' | 'request' | 'bypass' | 'method'

/** What a bridge does once the response head is known. */
export type HeadOutcome =
  /** Hand everything on; add `cacheStatus` to the head unless undefined. */
  | { readonly kind: 'pass'; readonly cacheStatus: string | undefined }
  /** Hand everything on, copy the chunks to `recording`, then `finish()`. */
  | { readonly kind: 'record'; readonly recording: Recording; readonly cacheStatus: string | undefined }
  /** Send this instead and drop what the handler sends. */
  | { readonly kind: 'replace'; readonly reply: Reply }

/** What the cache knows of a request that goes forward. */
export interface ExchangeParts {
  readonly mount: Mount
  readonly request: RequestHead
  readonly native: unknown
  /** undefined: nothing of this exchange is ever stored. */
  readonly primary: string | undefined
  readonly control: CacheControl | undefined
  readonly reason: ForwardReason
  readonly held: Held | undefined
  readonly flight: Flight | undefined
  readonly leads: boolean
  /** A refresh behind or a warming, for which no client waits: only a 2xx or a 304 changes what is stored. */
  readonly behind?: boolean
}

const PROCESS = randomUUID()
const NONE: readonly string[] = []
let recorded = 0

/** One request that goes forward to the handler or the origin, until its answer is recorded, replaced or dropped. */
export class Exchange {
  readonly request: RequestHead
  readonly reason: ForwardReason
  /** What the handler reads, where a guard watches; set by the bridge. */
  reads: ReadLog | undefined
  /** Whether the answer, or a 304 to it, was stored. */
  stored = false
  readonly #behind: boolean
  readonly #mount: Mount
  readonly #native: unknown
  readonly #primary: string | undefined
  readonly #control: CacheControl | undefined
  readonly #held: Held | undefined
  readonly #flight: Flight | undefined
  #epoch = 0
  #bansAtStart = 0
  #banLog: string | undefined
  #requestTime = 0
  #leads: boolean
  #lease: Lease | undefined
  /** Settles when the store has what was stored. */
  #written: unknown
  /** Whether those in other processes who wait are to run the handler themselves. */
  #isPassed = false
  #rule: CacheRule
  #state: 'asking' | 'recording' | 'done' = 'asking'
  #recording: Recording | undefined
  #entry: Entry | undefined
  #groups: readonly string[] = []

  constructor(parts: ExchangeParts) {
    this.request = parts.request
    this.reason = parts.reason
    this.#mount = parts.mount
    this.#native = parts.native
    this.#behind = parts.behind ?? false
    this.#primary = parts.primary
    this.#control = parts.control
    this.#held = parts.held
    this.#flight = parts.flight
    this.#leads = parts.leads
    this.#rule = parts.mount.settings.rule
    this.begin()
  }

  /** The handler is run from now on: the answer's age counts from here, and what was purged before does not hit it. */
  begin(): void {
    this.#epoch = this.#flight?.epoch ?? 0
    const { bans } = this.#mount.responses
    this.#bansAtStart = bans.latest
    this.#banLog = bans.log
    this.#requestTime = this.#mount.responses.clock.now()
  }

  /**
   * Validators to send in place of the client's own conditions, by lower-case field name; undefined where nothing
   * stored can be validated and the client's conditions go along untouched (RFC 9111 section 4.3.1).
   */
  get conditions(): Readonly<Record<string, string>> | undefined {
    const entry = this.#held?.entry
    if (entry === undefined || this.#primary === undefined || entry.range !== undefined) return undefined
    const { etag, lastModified } = entry.validators
    if (etag === undefined && lastModified === undefined) return undefined
    return {
      ...(etag === undefined ? {} : { 'if-none-match': etag }),
      ...(lastModified === undefined ? {} : { 'if-modified-since': lastModified }),
    }
  }

  /** Takes the right to lead among all processes that share the store; it is given up when this exchange ends. */
  set lease(lease: Lease | undefined) {
    this.#lease = lease
    if (lease === undefined || this.#flight === undefined) return
    // After a purge its answer is of no use to those who ask from then on.
    this.#flight.onClosed = () => void this.#giveUp()
  }

  get primary(): string | undefined {
    return this.#primary
  }

  get flightKey(): string | undefined {
    return this.#flight?.key
  }

  /** Whether others wait, or may wait, for this one's answer. */
  get leads(): boolean {
    return this.#leads
  }

  /** Nobody waits for this one's answer any more: it may not be shared, or takes too long. */
  goAlone(): void {
    if (this.#leads) this.#flight?.release()
    this.#leads = false
  }

  /** The handler need not run: another process has stored the answer. */
  adopt(entry: Entry, body: ItemBody): void {
    if (this.#leads) this.#flight?.complete(this.#answer(entry), body)
    this.#leave()
  }

  /** The mount's rule with what inner mounts and `setCachePolicy` add. */
  addRule(rule: CacheRule): void {
    this.#rule = mergeRules(this.#rule, rule)
  }

  /** Whether anything of the response can be stored, so that reads are worth watching. */
  get mayStore(): boolean {
    if (this.#primary === undefined) return false
    // The fields of a 200 to HEAD may become those of the stored response.
    return this.request.method !== 'HEAD' || this.#held !== undefined
  }

  /** Whether an answer of the handler's can be replaced by a stored one. */
  get mayReplace(): boolean {
    return this.#held !== undefined && this.#state !== 'done'
  }

  /** Judges a response head. Called again where a head was judged but not sent; the later one counts. */
  head(response: ResponseHead): HeadOutcome {
    if (this.#state === 'done') return { kind: 'pass', cacheStatus: undefined }
    this.#dropRecording()
    this.#state = 'asking'
    const now = this.#mount.responses.clock.now()
    const { status } = response
    if (status < 200) return { kind: 'pass', cacheStatus: undefined }
    if (isUnsafe(this.request.method)) return this.#unsafe(response, now)
    if (this.#primary === undefined) return this.#pass(undefined)
    if (this.#behind && status >= 300 && status !== 304) return this.#refuse('status')
    if (status === 304 && this.conditions !== undefined) return this.#freshen(response, now)
    const failure = failureOf(status)
    const reply = failure && this.#standIn(response.lost ? 'lost' : failure, now, status)
    if (reply !== undefined) return { kind: 'replace', reply }
    if (response.lost) return this.#refuse('origin-lost')
    if (this.request.method === 'HEAD') {
      this.#compareHead(response, now)
      return this.#pass(undefined)
    }
    return this.#record(response, now)
  }

  /** The origin gave no answer: a stale one where that is allowed (RFC 9111 section 4.2.4). */
  lost(): Reply | undefined {
    if (this.#state === 'done' || this.#behind) return undefined
    return this.#standIn('lost', this.#mount.responses.clock.now(), undefined)
  }

  /** The response ended as its handler meant it to. */
  finish(): void {
    if (this.#state !== 'recording') return this.abandon()
    const recording = this.#recording as Recording
    if (!recording.complete()) return
    const entry = this.#finalEntry(recording.body)
    if (typeof entry === 'string') this.#refuse(entry)
    else this.#keep(entry, recording.body)
  }

  /** The response broke off, or its client left before it was complete. */
  abandon(): void {
    if (this.#state === 'done') return
    // A client that has all it was promised may leave before the end of the response is written.
    if (this.#recording?.isWhole) this.finish()
    else this.discard()
  }

  /** The response failed: nothing of it is kept, not even where all of it seems to be here. */
  discard(): void {
    if (this.#state === 'done') return
    if (this.#recording !== undefined) {
      this.#dropRecording()
      this.#tellRefused('truncated')
    }
    if (this.#leads) this.#flight?.succeed()
    this.#leave()
  }

  // Judging

  /** An answer to a method that may change things: it invalidates, and a POST's may serve later GETs. */
  #unsafe(response: ResponseHead, now: number): HeadOutcome {
    const invalid = invalidation(this.request, response.status, fieldsOf(response.lines))
    if (invalid !== undefined) this.#mount.invalidate(this.request, this.#native, invalid)
    const { policy } = this.#mount.settings.profile
    if (this.#primary === undefined || policy === 'safe' || !isAnswerToGet(this.request, response)) {
      return this.#pass(undefined)
    }
    const outcome = this.#record(response, now)
    return outcome.kind === 'record' ? { ...outcome, cacheStatus: undefined } : outcome
  }

  #record(response: ResponseHead, now: number): HeadOutcome {
    const request = this.#asGet()
    const judged = this.#judge(request, response, now)
    if (!judged.store) return this.#refuse(judged.reason)
    const range = response.status === 206 ? partOf(response.lines) : undefined
    // A part says by its range how long it is.
    const length = declaredLength(judged.fields, response.status) ?? (range && lengthOf(range))
    if (length === 'invalid') return this.#refuse('content-length')
    if (response.status === 206) {
      const isWhole = range !== undefined && length === lengthOf(range)
      // A stored whole serves parts too: it never gives way to one.
      if (!isWhole || (this.#held !== undefined && this.#held.entry.range === undefined)) return this.#refuse('partial')
    }
    if (length === undefined && this.#mount.isTooLarge(this.#primary as string)) return this.#refuse('too-large')
    const recording = Recording.open(this.#mount.responses.store, length)
    if (typeof recording === 'string') return this.#refuse(recording)
    // Bound, not closed over: Node 24 keeps a closure that was never called, and with it all that this exchange refers
    // to, through every young collection.
    recording.onFail = this.#refuse.bind(this)
    this.#recording = recording
    this.#state = 'recording'
    this.#entry = this.#describe(request, response, judged, range, now)
    if (this.reads !== undefined) this.reads.onRead = this.#lateRead.bind(this)
    if (this.#leads && range === undefined) this.#flight?.announce(this.#answer(this.#entry), recording)
    return { kind: 'record', recording, cacheStatus: this.#forwardStatus({ stored: true }) }
  }

  #judge(request: RequestHead, response: ResponseHead, now: number): Storable | Refused {
    const { profile } = this.#mount.settings
    const judged = assess(request, response, this.#rule, profile, now)
    if (!judged.store) return judged
    const refused = (reason: RefusalReason): Refused => ({ store: false, reason })
    const strict = this.#mount.settings.guard.mode === 'strict'
    if (this.reads !== undefined && profile.shared) {
      if (this.reads.credentials.size > 0) {
        this.#mount.tellGuard(this.request, 'credentials', [...this.reads.credentials])
        return refused('credentials-read')
      }
      if (this.reads.copied) {
        this.#mount.tellGuard(this.request, 'headers-copied', [])
        if (strict) return refused('headers-copied')
      }
      if (this.reads.clientAddress) {
        this.#mount.tellGuard(this.request, 'client-address', [])
        if (strict) return refused('client-address')
      }
    }
    if (this.#mount.settings.guard.mode !== 'off' && profile.direction === 'in') {
      if (echoesTrace(request.fields, response.lines)) return refused('echoes-trace')
    }
    try {
      if (this.#rule.shouldCache?.(this.#native, response) === false) return refused('should-cache')
      this.#groups = this.#groupsOf(judged.fields)
    } catch (error) {
      this.#mount.tellFault(this.request, error)
      return refused('rule-failed')
    }
    return judged
  }

  #describe(
    request: RequestHead,
    response: ResponseHead,
    judged: Storable,
    range: StoredRange | undefined,
    now: number,
    freshened?: { readonly entry: Entry; readonly ageFields: Fields },
  ): Entry {
    const { settings } = this.#mount
    return describeEntry(
      {
        id: freshened?.entry.id ?? `${PROCESS}-${(++recorded).toString(36)}`,
        version: freshened === undefined ? 1 : freshened.entry.version + 1,
        request,
        status: response.status,
        statusText: response.statusText ?? '',
        lines: response.lines,
        requestTime: this.#requestTime,
        responseTime: now,
        judged,
        rule: this.#rule,
        groups: this.#groups,
        vary: this.#selecting(judged.vary, freshened?.entry.vary),
        range,
        bansPassed: this.#bansAtStart,
        banLog: this.#banLog,
        headersCopied: this.reads?.copied ?? false,
        absences: this.#absences(freshened?.entry.absences),
        note: response.note,
        ...(freshened === undefined ? {} : { ageFields: freshened.ageFields }),
      },
      settings.profile,
    )
  }

  /** All fields that select this answer: Vary's, the mount's own, the implied ones. */
  #selecting(vary: readonly string[], before: readonly string[] = []): readonly string[] {
    const own = this.#mount.settings.vary
    const read = this.reads?.names
    // Most answers have none beyond Vary's, and every answer that is stored comes by here twice.
    if (own.length === 0 && before.length === 0 && (read === undefined || read.size === 0)) return vary
    const implied = [...(read ?? [])].filter((name) => !vary.includes(name))
    if (implied.length > 0) this.#mount.tellGuard(this.request, 'implied-vary', implied)
    const names = new Set([...vary, ...own, ...implied, ...before])
    return names.size === vary.length ? vary : [...names].sort()
  }

  /** What was read while it was unset, now or when the entry before was made. */
  #absences(before: readonly string[] = NONE): readonly string[] {
    const read = this.reads?.absences
    if (read === undefined || read.size === 0) return before
    const names = new Set([...before, ...read])
    return names.size === before.length ? before : [...names]
  }

  #groupsOf(fields: Fields): readonly string[] {
    const named =
      fields['cache-groups'] !== undefined
        ? parseGroups(fields['cache-groups'])
        : fields['surrogate-key'] !== undefined
          ? parseTags(fields['surrogate-key'], 'space')
          : parseTags(fields['cache-tag'], 'comma')
    const own = groupsOf(this.#rule.groups, this.#native)
    return own.length === 0 ? named : [...new Set([...named, ...own])]
  }

  /** Not stored: those who wait go their own way. */
  #refuse(reason: RefusalReason): HeadOutcome {
    this.#tellRefused(reason)
    if (this.#leads && this.#primary !== undefined) {
      this.#mount.rememberUnshared(this.#primary, reason)
      this.#flight?.release()
    }
    return this.#pass(reason)
  }

  #tellRefused(reason: RefusalReason): void {
    this.#mount.tellRefused(this.request, this.#primary, reason)
  }

  #pass(detail: string | undefined): HeadOutcome {
    if (this.#leads) this.#flight?.release()
    this.#isPassed = true
    this.#leave()
    const { method } = this.request
    const told = method === 'GET' || method === 'HEAD'
    return { kind: 'pass', cacheStatus: told ? this.#forwardStatus(detail === undefined ? {} : { detail }) : undefined }
  }

  #forwardStatus(parts: StatusParts): string | undefined {
    const { name } = this.#mount.settings
    return name === false ? undefined : cacheStatus(name, { fwd: this.reason, ...parts })
  }

  // Stored responses that this answer changes or that answer instead

  #freshen(response: ResponseHead, now: number): HeadOutcome {
    const { entry, body } = this.#held as Held
    if (!confirms(response.lines, entry.validators.etag)) return this.#outdated(response, now)
    const fresh = this.#updated(entry, response, now)
    const status: StatusParts = { fwd: this.reason, fwdStatus: 304 }
    const reply = this.#replyHeld(fresh.entry, body, now, status)
    if (fresh.judged.store) {
      this.#mount.tellFreshened(this.request)
      this.#keep(fresh.entry, body)
    } else {
      this.#remove()
      this.#refuse(fresh.judged.reason)
    }
    return { kind: 'replace', reply }
  }

  /**
   * A 304 for another representation updates nothing, and what is stored is not there any more. It may be the answer to
   * the client's own condition, which the handler has seen after all; otherwise the stored response is all there is.
   */
  #outdated({ lines }: ResponseHead, now: number): HeadOutcome {
    const { entry, body } = this.#held as Held
    const isClients = evaluateConditions(this.request.fields, validatorsOf(fieldsOf(lines)), 'GET') === 'not-modified'
    const status: StatusParts = { fwd: this.reason, fwdStatus: 304, ttl: entry.ttl(now) }
    const reply = isClients ? undefined : this.#replyHeld(entry, body, now, status)
    this.#remove()
    const passed = this.#refuse('status')
    return reply === undefined ? passed : { kind: 'replace', reply }
  }

  /** An answer from the stored response. It has a large body's hold of its own, as this exchange's may end before. */
  #replyHeld(entry: Entry, body: ItemBody, now: number, status: StatusParts): Reply {
    const reply = replyFrom(entry, body, this.request, now, this.#mount.settings.name, status)
    const pin = this.#held?.pin
    if (pin !== undefined) reply.stored?.use(pin.share())
    // Nobody reads the answer to a refresh, which need not hold the body for it.
    return this.#behind && reply.stored !== undefined ? { ...reply, stored: undefined } : reply
  }

  /** The stored response with the fields of a 304, or of a 200 to HEAD (RFC 9111 sections 3.2 and 4.3.4). */
  #updated(entry: Entry, response: ResponseHead, now: number): { entry: Entry; judged: Storable | Refused } {
    const fields = fieldsOf(response.lines)
    const date = fields.date === undefined ? ['Date', formatHttpDate(now)] : []
    const lines = freshenedLines(entry.lines, [...response.lines, ...date])
    const head = { status: entry.status, statusText: entry.statusText, lines, note: entry.note }
    const request = this.#asGet()
    const judged = this.#judge(request, head, now)
    const ageFields: Fields = { date: firstLine(fields.date), age: fields.age }
    if (!judged.store) return { entry: entry.with({ lines, bornAt: now }), judged }
    return { entry: this.#describe(request, head, judged, entry.range, now, { entry, ageFields }), judged }
  }

  /** RFC 9111 section 4.3.5: a 200 to HEAD freshens the stored response it describes, and ends one it does not. */
  #compareHead(response: ResponseHead, now: number): void {
    if (response.status !== 200 || this.#held === undefined) return
    // What was made for one person says nothing of what is stored for everybody.
    if (this.reads !== undefined && this.reads.credentials.size > 0) return
    const { entry, body } = this.#held
    if (entry.status !== 200 || entry.range !== undefined) return
    if (!describesSame(entry.lines, response.lines)) return this.#remove()
    const fresh = this.#updated(entry, response, now)
    if (fresh.judged.store) this.#store(fresh.entry, body)
    else this.#remove()
  }

  #standIn(failure: OriginFailure, now: number, status: number | undefined): Reply | undefined {
    const { profile } = this.#mount.settings
    const held = this.#held
    if (held === undefined || !mayStandIn(held.entry, failure, this.#control, profile, now)) return undefined
    this.#mount.tellStale(this.request, 'origin-failed')
    const parts: StatusParts = { fwd: this.reason, ttl: held.entry.ttl(now), detail: 'origin-failed' }
    const told = status === undefined ? parts : { ...parts, fwdStatus: status }
    const reply = this.#replyHeld(held.entry, held.body, now, told)
    if (this.#leads) this.#flight?.lost()
    this.#isPassed = true
    this.#leave()
    return reply
  }

  // Recording

  /**
   * A field or an absence read after the head was judged. Those who wait compare it too; of those who read along, the
   * ones that differ are cut, for what comes now may not be theirs.
   */
  #lateRead(name: string, kind: ReadKind): void {
    if (this.#state !== 'recording') return
    if (kind === 'credential' && this.#mount.settings.profile.shared) this.#recording?.fail('credentials-read')
    else if (kind === 'absence' || !this.#entry?.vary.includes(name)) this.#narrow()
  }

  /** The answer turned out to differ by one thing more. */
  #narrow(): void {
    const recording = this.#recording as Recording
    const before = this.#entry as Entry
    const entry = before.with({ vary: this.#selecting(before.vary), absences: this.#absences(before.absences) })
    this.#entry = entry
    const answer = this.#answer(entry)
    recording.narrow(entry, answer.variant)
    if (this.#leads && entry.range === undefined) this.#flight?.announce(answer, recording)
  }

  #finalEntry(body: Buffer): Entry | RefusalReason {
    const entry = this.#entry as Entry
    const { shared } = this.#mount.settings.profile
    if (shared && this.reads !== undefined && this.reads.credentials.size > 0) return 'credentials-read'
    // Who is never watched, a private cache or one without a guard, may keep its own ids.
    if (this.reads !== undefined && echoesTrace(this.request.fields, body)) return 'echoes-trace'
    const vary = this.#selecting(entry.vary)
    const measured = entry.status !== 204 && this.#recording?.length === undefined
    const lines = measured ? withLength(entry.lines, body.length) : entry.lines
    const absences = this.#absences(entry.absences)
    const isSame = vary === entry.vary && lines === entry.lines && absences === entry.absences
    return isSame ? entry : entry.with({ vary, lines, absences })
  }

  #answer(entry: Entry): LeadersAnswer {
    return { entry, variant: variantKey('', entry.vary, this.request.fields) }
  }

  #dropRecording(): void {
    const recording = this.#recording
    this.#recording = undefined
    if (recording === undefined) return
    recording.onFail = undefined
    recording.fail('truncated')
  }

  #keep(entry: Entry, body: ItemBody): void {
    this.#store(entry, body)
    if (this.#leads) this.#flight?.complete(this.#answer(entry), body)
    this.#leave()
  }

  #store(entry: Entry, body: ItemBody): void {
    if (this.#flight !== undefined && this.#flight.epoch !== this.#epoch) return this.#tellRefused('invalidated')
    this.#written = this.#mount.keep(this.#primary as string, entry, body, this.request)
    this.stored = true
  }

  #remove(): void {
    if (this.#primary !== undefined) this.#mount.responses.shelf.remove(this.#primary)
  }

  #leave(): void {
    if (this.#state === 'done') return
    this.#state = 'done'
    this.#leads = false
    this.#dropRecording()
    this.#held?.pin?.release()
    if (this.#lease !== undefined) void this.#giveUp()
    if (this.#flight !== undefined) this.#mount.responses.inFlight.leave(this.#flight)
  }

  /** Others look for what was stored as soon as the lease is gone, so the store must have it by then. */
  async #giveUp(): Promise<void> {
    const lease = this.#lease
    if (lease === undefined) return
    this.#lease = undefined
    await this.#written
    const { responses } = this.#mount
    const isUnshared = this.#primary !== undefined && responses.isUnshared(this.#primary)
    responses.fleet?.end(lease, isUnshared ? 'unshared' : this.#isPassed ? 'pass' : 'done')
  }

  /** The request whose answer is stored: always a GET. */
  #asGet(): RequestHead {
    return this.request.method === 'GET' ? this.request : { ...this.request, method: 'GET', hasBody: false }
  }
}

/** The declared length of a response's content. */
function declaredLength(fields: Fields, status: number): number | undefined | 'invalid' {
  if (status === 204) return 0
  const declared = combined(fields['content-length'])
  if (declared === undefined) return undefined
  return /^\d{1,15}$/.test(declared) ? Number(declared) : 'invalid'
}

function partOf(lines: readonly string[]): StoredRange | undefined {
  const range = parseContentRange(fieldsOf(lines)['content-range'])
  return range?.size === undefined ? undefined : { start: range.start, end: range.end, size: range.size }
}

function lengthOf({ start, end }: StoredRange): number {
  return end - start + 1
}

function withLength(lines: readonly string[], length: number): readonly string[] {
  for (let i = 0; i < lines.length; i += 2) if ((lines[i] as string).toLowerCase() === 'content-length') return lines
  return [...lines, 'Content-Length', String(length)]
}

/** Whether the answer to a POST may serve later GETs: it says it is what stands at the target (RFC 9110 section 9.3.3). */
function isAnswerToGet(request: RequestHead, response: ResponseHead): boolean {
  if (request.method !== 'POST' || response.status !== 200) return false
  const location = firstLine(fieldsOf(response.lines)['content-location'])
  return sameOriginTarget(request, location) === request.target
}
