/** What terms are predicted to cost. */
export interface Cost {
  /** Bytes of their JSON texts, without what a format puts between them. */
  readonly bytes: number
  /** ms of CPU on a machine of today: a figure to decide by, within a factor of about three. */
  readonly time: number
}

/**
 * A long, computed list that can be walked from its start, from any state and, where it has `jump`, from any index.
 * Made by `defineSequence`, which checks it and fills in the defaults.
 *
 * A state stands for one term and is never changed once it was handed out: it is kept, shared by readers and
 * encoded at any time. Indexes count from 0.
 */
export interface Sequence<State = unknown, Term = unknown> {
  /** Names it in keys of stores and in validators. */
  readonly id: string
  /** Another one whenever a term, its text, the length or the encoding of a state changes. */
  readonly version: string
  /** How many terms it has; undefined: endless, or not known. */
  readonly length: number | undefined
  /**
   * Whether `id`, `version` and index alone decide a term, for ever and on every machine. Only then may terms be kept,
   * and answers have validators that are made without computing them.
   */
  readonly deterministic: boolean
  /**
   * Where another thread finds it; undefined: it is computed on the event loop, whatever it costs. `defineSequence` makes
   * it not enumerable: a copy in which something was changed is not what the module exports.
   */
  readonly module?: SequenceModule | undefined

  /**
   * The states after `after`, in order, each for the next term; from the first term where it is undefined. At most
   * `count` are asked for. `undefined` between them stands for no term: a place to rest in long work. Who walks calls
   * `return` when it needs no more, also after an abort of the signal.
   */
  states(after: State | undefined, signal: AbortSignal, count: number): States<State>
  /**
   * The state of term `n`, without those before it; undefined: there is none. `rest` is for long work: to be awaited every few ms where it gives a
   * promise; throws the reason of an aborted signal.
   */
  readonly jump?:
    | ((n: number, signal: AbortSignal, rest: Rest) => State | undefined | Promise<State | undefined>)
    | undefined

  /** The term of a state. */
  term(state: State): Term
  /** The term of a state as JSON, without line breaks; a bigint is a string. */
  text(state: State): string

  /** A state for the store. */
  encode(state: State): Uint8Array
  /** What `encode` wrote: a state with the same term that goes on in the same way. Throws where it cannot be one. */
  decode(bytes: Uint8Array): State

  /**
   * Predicts terms `start` up to, but not, `start + count`, without computing any. `kept`, below `start`, is the index of
   * a state that the walk goes on from. Never shrinks with a growing count.
   */
  cost(start: number, count: number, kept?: number): Cost
}

/** The module that exports a sequence. Other threads load it, so that all it does besides is done there, too. */
export interface SequenceModule {
  /** `import.meta.url`, as it says itself. */
  readonly url: string
  /** The name of the export. */
  readonly name: string
}

/** Sync where a term is computed, async where it is waited for. */
export type States<State> = Iterable<State | undefined> | AsyncIterable<State | undefined>

/** Undefined: go on at once. */
export type Rest = () => Promise<void> | undefined
