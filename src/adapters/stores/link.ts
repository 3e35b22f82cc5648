import { StoreError } from '../../core/store/errors.ts'

/** Pauses between attempts to reach a server that is lost, ms: doubling, for ever. */
const shortestPause = 50
const longestPause = 2_000

type State =
  | { readonly kind: 'unused' }
  /** Whoever asks waits for the first attempt, and for no other. */
  | { readonly kind: 'first attempt'; readonly done: Promise<void> }
  | { readonly kind: 'up' }
  | { readonly kind: 'down'; readonly reason: Error }
  | { readonly kind: 'closed' }

/**
 * Whether a server can be asked. It is reached when it is first needed; once it is lost, or was not reached, whoever
 * asks is refused at once while attempts go on in the background.
 */
export class Link {
  readonly #name: string
  readonly #reach: () => Promise<void>
  #state: State = { kind: 'unused' }
  #pause = shortestPause
  #timer: NodeJS.Timeout | undefined

  /** `name` for messages; `reach` resolves when the server can be asked. */
  constructor(name: string, reach: () => Promise<void>) {
    this.#name = name
    this.#reach = reach
  }

  get isUp(): boolean {
    return this.#state.kind === 'up'
  }

  /** Resolves where the server can be asked. @throws StoreError where it cannot be now. */
  ready(): Promise<void> {
    switch (this.#state.kind) {
      case 'unused':
        return this.#first()
      case 'first attempt':
        return this.#state.done
      case 'up':
        return Promise.resolve()
      case 'down':
        return Promise.reject(this.#state.reason)
      case 'closed':
        return Promise.reject(new StoreError(`The connection to ${this.#name} was closed`))
    }
  }

  /** Notes that the server was lost. Does nothing where that is known. */
  lost(reason: Error): void {
    if (this.#state.kind === 'up') this.#down(reason)
  }

  close(): void {
    clearTimeout(this.#timer)
    this.#state = { kind: 'closed' }
  }

  #first(): Promise<void> {
    const done = this.#attempt()
    this.#state = { kind: 'first attempt', done }
    return done
  }

  async #attempt(): Promise<void> {
    try {
      await this.#reach()
    } catch (error) {
      this.#down(error as Error)
      throw error
    }
    if (this.#state.kind === 'closed') return
    this.#state = { kind: 'up' }
    this.#pause = shortestPause
  }

  #down(reason: Error): void {
    if (this.#state.kind === 'closed') return
    this.#state = { kind: 'down', reason }
    this.#timer = setTimeout(() => {
      this.#attempt().catch(() => {})
    }, this.#pause)
    this.#timer.unref()
    this.#pause = Math.min(this.#pause * 2, longestPause)
  }
}
