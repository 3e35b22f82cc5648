import type { ServerResponse } from 'node:http'
import type { BreakerRegistry } from '../../core/breaker/registry.ts'
import { type Events, eventChannel } from '../../core/events.ts'
import { isGone } from './answer.ts'

type Transition = Events['breakwater:breaker:transition']
type Rejection = Events['breakwater:breaker:rejected']

const transitions = eventChannel('breakwater:breaker:transition')
const rejections = eventChannel('breakwater:breaker:rejected')

/** How often refusals are told, ms: there may be thousands a second. */
const TOLD_EVERY = 1_000
/** What a client that does not read may have waiting, bytes. What comes then it misses, and is told how much. */
const MOST_WAITING = 64 * 1024
/** After how many ms a browser comes back. */
const RETRY = 2_000

/** Refusals of one breaker that were not told yet. */
interface Refusals {
  count: number
  readonly reasons: Record<string, number>
  last: Rejection
}

/** A live stream of what happens to the breakers of a registry. It listens only while somebody reads it. */
export class BreakerFeed {
  readonly #registry: BreakerRegistry
  readonly #heartbeat: number
  readonly #readers = new Set<Reader>()
  readonly #refusals = new Map<string, Refusals>()
  #timers: NodeJS.Timeout[] = []

  constructor(registry: BreakerRegistry, heartbeat: number) {
    this.#registry = registry
    this.#heartbeat = heartbeat
  }

  /** Answers with the stream, until the client leaves. */
  send(response: ServerResponse, method: string | undefined): void {
    if (isGone(response)) return
    response.statusCode = 200
    response.setHeader('Content-Type', 'text/event-stream')
    response.setHeader('Cache-Control', 'no-store, no-transform')
    // Some proxies would collect it before they hand it on.
    response.setHeader('X-Accel-Buffering', 'no')
    if (method === 'HEAD') {
      response.end()
      return
    }
    const reader = new Reader(response)
    response.on('error', () => {})
    response.once('close', () => this.#remove(reader))
    this.#add(reader)
    response.write(`retry: ${RETRY}\n\n`)
  }

  #add(reader: Reader): void {
    this.#readers.add(reader)
    if (this.#readers.size > 1) return
    transitions.subscribe(this.#onTransition)
    rejections.subscribe(this.#onRejection)
    this.#timers = [
      setInterval(() => this.#tellRefusals(), TOLD_EVERY).unref(),
      setInterval(() => this.#tell(':\n\n'), this.#heartbeat).unref(),
    ]
  }

  #remove(reader: Reader): void {
    this.#readers.delete(reader)
    if (this.#readers.size > 0) return
    transitions.unsubscribe(this.#onTransition)
    rejections.unsubscribe(this.#onRejection)
    for (const timer of this.#timers) clearInterval(timer)
    this.#timers = []
    this.#refusals.clear()
  }

  readonly #onTransition = (message: unknown): void => {
    const transition = message as Transition
    if (!this.#isOurs(transition)) return
    // What was refused before it is told before it.
    this.#tellRefusals()
    this.#tell(eventOf('transition', transition))
  }

  readonly #onRejection = (message: unknown): void => {
    const rejection = message as Rejection
    if (!this.#isOurs(rejection)) return
    const { breaker, reason } = rejection
    const known = this.#refusals.get(breaker)
    const refusals = known ?? { count: 0, reasons: {}, last: rejection }
    if (known === undefined) this.#refusals.set(breaker, refusals)
    refusals.count++
    refusals.reasons[reason] = (refusals.reasons[reason] ?? 0) + 1
    refusals.last = rejection
  }

  /** Events are those of the whole process: breakers of other registries have other names. */
  #isOurs({ breaker }: { readonly breaker: string }): boolean {
    return this.#registry.get(breaker) !== undefined
  }

  #tellRefusals(): void {
    for (const { count, reasons, last } of this.#refusals.values()) {
      const { reason: _last, ...rest } = last
      this.#tell(eventOf('rejected', { ...rest, count, reasons }))
    }
    this.#refusals.clear()
  }

  #tell(text: string): void {
    for (const reader of this.#readers) reader.tell(text)
  }
}

/** A client of the stream. */
class Reader {
  readonly #response: ServerResponse
  #missed = 0

  constructor(response: ServerResponse) {
    this.#response = response
  }

  tell(text: string): void {
    const response = this.#response
    if (isGone(response)) return
    if (response.writableLength > MOST_WAITING) {
      this.#missed++
      return
    }
    if (this.#missed > 0) response.write(eventOf('missed', { count: this.#missed }))
    this.#missed = 0
    response.write(text)
  }
}

/** One event (HTML, section 9.2.6). JSON has no line breaks of its own. */
function eventOf(name: string, data: unknown): string {
  return `event: ${name}\ndata: ${JSON.stringify(data)}\n\n`
}
