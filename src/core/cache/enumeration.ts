import type { Fields } from '../http/message.ts'

/**
 * Somebody lists the request's fields. Whoever does so to log or to copy them then reads every one, once and in order,
 * be it by spreading, as JSON or in a loop; whoever reads only some of them chooses them by name.
 */
export class Enumeration {
  readonly fields: Fields
  readonly #names: readonly string[]
  #described = 0
  #read = 0

  constructor(fields: Fields, names: readonly string[]) {
    this.fields = fields
    this.#names = names
  }

  /** Whether the description of a field is this enumeration's next. */
  describes(name: string): boolean {
    if (this.#names[this.#described] !== name) return false
    this.#described++
    return true
  }

  /** Whether the reading of a field is this enumeration's next. */
  reads(name: string): boolean {
    if (this.#names[this.#read] !== name) return false
    this.#read++
    return true
  }

  /** What was looked at, if it was not all. */
  get chosen(): readonly string[] {
    const partly = (count: number): number => (count < this.#names.length ? count : 0)
    return this.#names.slice(0, Math.max(partly(this.#described), partly(this.#read)))
  }
}
