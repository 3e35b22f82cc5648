import { type Clock, systemClock } from '../clock.ts'
import { orAborted } from '../store/or-aborted.ts'
import { Credit } from './credit.ts'
import { Pace } from './pace.ts'
import { PageError } from './page-error.ts'
import { ExcessiveTerms, planTerms, type TermBounds } from './term-plan.ts'
import {
  type Closing,
  closingOf,
  END_MESSAGE,
  ENDED,
  errorMessage,
  type Heard,
  heardInMessage,
  heardInQuery,
  NOT_TEXT,
  type TermsAsked,
  type ToldProblem,
  termMessage,
} from './term-protocol.ts'
import type { TermReader, TermSpan } from './term-reader.ts'

/** Where messages go. */
export interface TermChannel {
  /** Undefined: more may follow at once; a promise: when what was sent before has left. */
  send(text: string): Promise<void> | undefined
  close(closing: Closing): void
}

/** What sessions serve. */
export interface TermService {
  readonly reader: Pick<TermReader, 'read' | 'keptBefore'>
  readonly bounds: TermBounds
  /** What a client is told of its own mistake. */
  refusalOf(error: PageError): ToldProblem
  /** Told of a term that could not be had; gives what a client is told. */
  failureOf(error: unknown, index: number): ToldProblem
}

/** Nothing asked yet; terms under way; nothing more is said or heard. */
type Phase = 'silent' | 'serving' | 'over'

/**
 * One client of terms over WebSocket: sends as many as it has credit for, as fast as it takes them, and reads no more of
 * them before. Knows no socket: messages come by `hear`, and go by the channel.
 */
export class TermSession {
  readonly #service: TermService
  readonly #channel: TermChannel
  readonly #clock: Clock
  readonly #credit = new Credit()
  readonly #leaving = new AbortController()
  #phase: Phase = 'silent'

  constructor(service: TermService, channel: TermChannel, clock: Clock = systemClock) {
    this.#service = service
    this.#channel = channel
    this.#clock = clock
  }

  /** Begins with what the query of the URL asks for, if it does. `query` without its `?`. */
  open(query: string): void {
    const heard = heardInQuery(query)
    if (heard !== undefined) this.#act(heard)
  }

  /** A message; undefined: one that is no text. */
  hear(text: string | undefined): void {
    if (this.#phase === 'over') return
    if (text === undefined) this.#close(NOT_TEXT)
    else this.#act(heardInMessage(text, this.#phase === 'serving'))
  }

  /** The client has gone: what is read for it is left at once. */
  leave(): void {
    this.#phase = 'over'
    this.#leaving.abort(new Error('The client has left'))
  }

  #act(heard: Heard): void {
    switch (heard.type) {
      case 'asked':
        void this.#begin(heard.asked)
        return
      case 'credited':
        this.#credit.add(heard.credit)
        return
      case 'refused':
        this.#fail(this.#service.refusalOf(heard.error))
    }
  }

  async #begin({ start, limit, credit }: TermsAsked): Promise<void> {
    this.#phase = 'serving'
    this.#credit.add(credit)
    let span: TermSpan
    try {
      span = await this.#plan(start, limit)
    } catch (error) {
      const isRefused = error instanceof PageError
      if (this.#leaving.signal.aborted) return
      this.#fail(isRefused ? this.#service.refusalOf(error) : this.#service.failureOf(error, start))
      return
    }
    await this.#serve(span)
  }

  /** What is too much where nothing is kept may not be where the terms before it are: the store is asked only then. */
  async #plan(start: number, limit: number | undefined): Promise<TermSpan> {
    const { bounds, reader } = this.#service
    try {
      return planTerms(bounds, start, limit)
    } catch (error) {
      const kept = error instanceof ExcessiveTerms ? await reader.keptBefore(start) : undefined
      if (kept === undefined) throw error
      return planTerms({ ...bounds, kept }, start, limit)
    }
  }

  async #serve(span: TermSpan): Promise<void> {
    let next = span.start
    try {
      for await (const text of this.#metered(span)) {
        const held = this.#channel.send(termMessage(next, text))
        next++
        if (held !== undefined) await orAborted(held, this.#leaving.signal)
      }
      void this.#channel.send(END_MESSAGE)
      this.#close(ENDED)
    } catch (error) {
      if (!this.#leaving.signal.aborted) this.#fail(this.#service.failureOf(error, next))
    }
  }

  /** The texts of terms, each when there is credit for it; the next ones are not read before that. */
  async *#metered(span: TermSpan): AsyncGenerator<string, void> {
    const { signal } = this.#leaving
    const pace = new Pace(signal, this.#clock)
    const terms = this.#service.reader.read(span, { signal })
    try {
      for (let left = span.count; left > 0; ) {
        await this.#credit.wait(signal)
        const { value, done } = await terms.next()
        if (done === true) return
        for (const text of value.texts) {
          // Most terms wait for nothing.
          const wait = this.#credit.wait(signal) ?? pace.rest()
          if (wait !== undefined) await wait
          this.#credit.spend()
          yield text
        }
        left -= value.texts.length
      }
    } finally {
      await terms.return()
    }
  }

  #fail(problem: ToldProblem): void {
    void this.#channel.send(errorMessage(problem))
    this.#close(closingOf(problem))
  }

  /** Says no more; whatever is read is left. */
  #close(closing: Closing): void {
    this.leave()
    this.#channel.close(closing)
  }
}
