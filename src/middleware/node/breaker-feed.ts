import type { ServerResponse } from 'node:http'
import type { BreakerRegistry } from '../../core/breaker/registry.ts'
import { type Events, eventChannel } from '../../core/events.ts'
import { quote } from '../../core/options.ts'
import { isGone } from './answer.ts'
import { whenOver } from './client-left.ts'

type Transition = Events['breakwater:breaker:transition']
type Rejection = Events['breakwater:breaker:rejected']
type Mode = Events['breakwater:breaker:mode']
type Fault = Events['breakwater:breaker:fault']

const transitions = eventChannel('breakwater:breaker:transition')
const rejections = eventChannel('breakwater:breaker:rejected')
const modes = eventChannel('breakwater:breaker:mode')
const faults = eventChannel('breakwater:breaker:fault')

/** How often refusals and faults are told, ms: there may be thousands a second. */
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

/** Faults of one function of a mount that were not told yet. */
interface Faults {
  count: number
  last: Fault
}

/** A live stream of what happens to the breakers of a registry. It listens only while somebody reads it. */
export class BreakerFeed {
  readonly #registry: BreakerRegistry
  readonly #heartbeat: number
  readonly #readers = new Set<Reader>()
  readonly #refusals = new Map<string, Refusals>()
  readonly #faults = new Map<string, Faults>()
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
    whenOver(response, () => this.#remove(reader))
    this.#add(reader)
    response.write(`retry: ${RETRY}\n\n`)
  }

  #add(reader: Reader): void {
    this.#readers.add(reader)
    if (this.#readers.size > 1) return
    transitions.subscribe(this.#onTransition)
    rejections.subscribe(this.#onRejection)
    modes.subscribe(this.#onMode)
    faults.subscribe(this.#onFault)
    this.#timers = [
      setInterval(() => this.#tellSums(), TOLD_EVERY).unref(),
      setInterval(() => this.#beat(), this.#heartbeat).unref(),
    ]
  }

  #remove(reader: Reader): void {
    this.#readers.delete(reader)
    if (this.#readers.size > 0) return
    transitions.unsubscribe(this.#onTransition)
    rejections.unsubscribe(this.#onRejection)
    modes.unsubscribe(this.#onMode)
    faults.unsubscribe(this.#onFault)
    for (const timer of this.#timers) clearInterval(timer)
    this.#timers = []
    this.#refusals.clear()
    this.#faults.clear()
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

  readonly #onMode = (message: unknown): void => {
    const mode = message as Mode
    const { mode: own, namespace } = this.#registry
    if (own !== undefined && mode.namespace === namespace) this.#tell(eventOf('mode', mode))
  }

  /** Of every mount: its name need not be that of a breaker. */
  readonly #onFault = (message: unknown): void => {
    const last = message as Fault
    const key = `${last.option} ${last.breaker}`
    this.#faults.set(key, { count: (this.#faults.get(key)?.count ?? 0) + 1, last })
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

  #tellFaults(): void {
    for (const { count, last } of this.#faults.values()) {
      this.#tell(eventOf('fault', { ...last, error: messageOf(last.error), count }))
    }
    this.#faults.clear()
  }

  #tellSums(): void {
    this.#tellRefusals()
    this.#tellFaults()
  }

  #tell(text: string): void {
    for (const reader of this.#readers) reader.tell(text)
  }

  #beat(): void {
    for (const reader of this.#readers) reader.beat()
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
    if (this.#hasEnough()) {
      this.#missed++
      return
    }
    if (this.#missed > 0) response.write(eventOf('missed', { count: this.#missed }))
    this.#missed = 0
    response.write(text)
  }

  /** Says that the stream is alive: what still waits to be read says so as well. */
  beat(): void {
    if (!isGone(this.#response) && !this.#hasEnough()) this.#response.write(':\n\n')
  }

  #hasEnough(): boolean {
    return this.#response.writableLength > MOST_WAITING
  }
}

/** An error as JSON can hold it. */
function messageOf(error: unknown): string {
  return error instanceof Error ? String(error.message) : quote(error)
}

/** One event (HTML, section 9.2.6). JSON has no line breaks of its own. */
function eventOf(name: string, data: unknown): string {
  return `event: ${name}\ndata: ${JSON.stringify(data)}\n\n`
}
