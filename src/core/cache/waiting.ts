import type { RequestHead } from '../http/message.ts'
import type { ItemBody } from '../store/guard.ts'
import type { Entry } from './entry.ts'
import type { ForwardReason } from './exchange.ts'
import type { Follower, LeadersAnswer } from './in-flight.ts'
import { variantKey } from './key.ts'
import type { Asked, Decision, Mount } from './mount.ts'
import { evaluate, mayStandIn } from './policy/evaluate.ts'
import type { Recording } from './recording.ts'
import { type Reply, replyFollowing, replyFrom, type StatusParts, suits } from './reply.ts'
import { type Finding, type Held, isHeld } from './shelf.ts'

/** A request that waits for another's answer. */
export class Waiting implements Follower {
  readonly #mount: Mount
  readonly #asked: Asked
  readonly #reason: ForwardReason
  readonly #finding: Finding
  readonly #settle: (decision: Decision | Promise<Decision>) => void

  constructor(
    mount: Mount,
    asked: Asked,
    reason: ForwardReason,
    finding: Finding,
    settle: (decision: Decision | Promise<Decision>) => void,
  ) {
    this.#mount = mount
    this.#asked = asked
    this.#reason = reason
    this.#finding = finding
    this.#settle = settle
  }

  announce(answer: LeadersAnswer, recording: Recording): boolean {
    if (!this.#agrees(answer)) return true
    const { request } = this.#asked
    const { fields } = request
    const plain =
      request.method === 'GET' &&
      fields.range === undefined &&
      fields['if-none-match'] === undefined &&
      fields['if-modified-since'] === undefined
    if (!plain || recording.length === undefined) return false
    const reader = recording.read((entry, variant) => isFor(request, entry, variant))
    const now = this.#mount.responses.clock.now()
    this.#collapsed(replyFollowing(answer.entry, reader, now, this.#mount.settings.name, this.#parts))
    return true
  }

  complete(answer: LeadersAnswer, body: ItemBody): void {
    if (!this.#agrees(answer)) return
    const now = this.#mount.responses.clock.now()
    const { name } = this.#mount.settings
    this.#collapsed(replyFrom(answer.entry, body, this.#asked.request, now, name, this.#parts))
  }

  release(): void {
    this.#settle(this.#mount.sendOn(this.#asked, this.#reason, this.#finding))
  }

  lead(): void {
    this.#settle(this.#mount.takeOver(this.#asked, this.#reason, this.#finding))
  }

  lost(): void {
    const { settings, responses } = this.#mount
    const now = responses.clock.now()
    const held: Held | undefined = isHeld(this.#finding) ? this.#finding : undefined
    const { control, request } = this.#asked
    if (held === undefined || !mayStandIn(held.entry, 'lost', control, settings.profile, now)) return this.release()
    const parts: StatusParts = { ...this.#parts, ttl: held.entry.ttl(now), detail: 'origin-failed' }
    const reply = replyFrom(held.entry, held.body, request, now, settings.name, parts)
    this.#settle(
      this.#mount.whenOpen(this.#asked, reply, this.#alone, () => {
        this.#mount.tellStale(request, 'origin-failed')
        return { kind: 'stale', reply, refresh: undefined }
      }),
    )
  }

  /** Whether the leader's answer is also this request's; if not, it goes its own way. */
  #agrees({ entry, variant }: LeadersAnswer): boolean {
    const { request, control } = this.#asked
    if (variantKey('', entry.vary, request.fields) !== variant) {
      this.#settle(this.#mount.regroup(this.#asked, this.#reason, this.#finding, entry.vary))
      return false
    }
    const { clock } = this.#mount.responses
    const evaluation = evaluate(
      entry,
      control && { ...control, noCache: false, maxAge: undefined },
      this.#mount.settings.profile,
      clock.now(),
    )
    if (evaluation === 'fresh' && entry.range === undefined && suits(entry, request)) return true
    this.release()
    return false
  }

  get #parts(): StatusParts {
    return { fwd: this.#reason, collapsed: true }
  }

  #collapsed(reply: Reply): void {
    this.#settle(
      this.#mount.whenOpen(this.#asked, reply, this.#alone, () => {
        this.#mount.tellCollapsed(this.#asked.request)
        return { kind: 'hit', reply }
      }),
    )
  }

  readonly #alone = (): Decision | Promise<Decision> =>
    this.#mount.sendOn(this.#asked, this.#reason, isHeld(this.#finding) ? undefined : this.#finding)
}

/** Whether an answer that differs by an entry's fields and absences, and is this variant of it, is a request's too. */
function isFor(request: RequestHead, entry: Entry, variant: string): boolean {
  return variantKey('', entry.vary, request.fields) === variant && suits(entry, request)
}
