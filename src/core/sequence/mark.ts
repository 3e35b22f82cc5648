import type { Kept } from './batches.ts'
import type { Sequence } from './contract.ts'

/** A place to go on from: the index of a term and its state, as it was made or as it was encoded. */
export class Mark<State> {
  readonly index: number
  readonly #sequence: Sequence<State>
  #state: { readonly value: State } | undefined
  #bytes: Uint8Array | undefined

  private constructor(sequence: Sequence<State>, index: number, state?: { readonly value: State }, bytes?: Uint8Array) {
    this.index = index
    this.#sequence = sequence
    this.#state = state
    this.#bytes = bytes
  }

  static of<State>(sequence: Sequence<State>, { index, state }: Kept<State>): Mark<State> {
    return new Mark(sequence, index, { value: state })
  }

  static encoded<State>(sequence: Sequence<State>, index: number, bytes: Uint8Array): Mark<State> {
    return new Mark(sequence, index, undefined, bytes)
  }

  /** Undefined where the bytes are no state: whoever can write to the store may have written them. */
  kept(): Kept<State> | undefined {
    try {
      this.#state ??= { value: this.#sequence.decode(this.#bytes as Uint8Array) }
    } catch {
      return undefined
    }
    return { index: this.index, state: this.#state.value }
  }

  /** @throws what `encode` of the sequence throws. */
  bytes(): Uint8Array {
    this.#bytes ??= this.#sequence.encode((this.#state as { readonly value: State }).value)
    return this.#bytes
  }
}
