import { add, type Decimal, decimalOf, digitsOf, jsonOf } from './decimal.ts'

/** A natural number, in binary as it was computed or, once it was added to or written as such, in decimal. Immutable. */
export class Long {
  /** One of them: to keep both would double the memory of a kept state. */
  #value: bigint | Decimal

  constructor(value: bigint | Decimal) {
    this.#value = value
  }

  static ofDigits(digits: string): Long {
    return new Long(decimalOf(digits))
  }

  /** By bigints: for numbers of a few hundred digits. */
  plus(other: Long): Long {
    return new Long(this.toBigInt() + other.toBigInt())
  }

  /** By decimals: what was binary is converted, once. */
  plusInDecimal(other: Long): Long {
    return new Long(add(this.#decimal, other.#decimal))
  }

  toBigInt(): bigint {
    return typeof this.#value === 'bigint' ? this.#value : BigInt(digitsOf(this.#value))
  }

  toString(): string {
    return typeof this.#value === 'bigint' ? this.#value.toString() : digitsOf(this.#value)
  }

  /** Digits as a JSON string, made from a decimal that is kept for adding. */
  toDecimalJson(): string {
    return jsonOf(this.#decimal)
  }

  get #decimal(): Decimal {
    if (typeof this.#value === 'bigint') this.#value = decimalOf(this.#value.toString())
    return this.#value
  }
}
