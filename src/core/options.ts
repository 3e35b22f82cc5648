import { inspect } from 'node:util'
import type { Clock } from './clock.ts'

/** The longest wait a Node timer can hold, in ms: about 24.8 days. */
const longestTimer = 2 ** 31 - 1

/** A value as an error message shows it. */
export function quote(value: unknown): string {
  return inspect(value, { depth: 0, breakLength: Infinity, maxStringLength: 80 })
}

/**
 * Throws a TypeError where `options` is no object or holds a name that is not in `known`.
 * `owner` is the function or class as the user wrote it: `memoryStore`.
 */
export function knownOptions(owner: string, options: unknown, known: readonly string[]): void {
  if (options === undefined) return
  if (typeof options !== 'object' || options === null || Array.isArray(options)) {
    throw new TypeError(`${owner} takes an object of options, not ${quote(options)}`)
  }
  for (const name of Object.keys(options)) {
    if (!known.includes(name)) {
      throw new TypeError(`${owner} has no option ${quote(name)}; it knows ${known.join(', ')}`)
    }
  }
}

/** A whole number of at least 1, or `fallback` where the option was left out. */
export function positiveInteger(name: string, value: unknown, fallback: number): number {
  if (value === undefined) return fallback
  const number = asNumber(name, value)
  if (Number.isSafeInteger(number) && number >= 1) return number
  throw new RangeError(`${name} must be a whole number of at least 1, not ${quote(value)}`)
}

/** A whole number of at least 1 or Infinity, or `fallback` where the option was left out. */
export function limit(name: string, value: unknown, fallback: number): number {
  return value === Infinity ? Infinity : positiveInteger(name, value, fallback)
}

/** Milliseconds above 0 that a timer can hold, or `fallback` where the option was left out. */
export function duration(name: string, value: unknown, fallback: number): number {
  if (value === undefined) return fallback
  const number = asNumber(name, value)
  if (number > 0 && number <= longestTimer) return number
  throw new RangeError(`${name} must be milliseconds above 0 and at most ${longestTimer}, not ${quote(value)}`)
}

/** A number above 0 and at most 1, or `fallback` where the option was left out. */
export function rate(name: string, value: unknown, fallback: number): number {
  if (value === undefined) return fallback
  const number = asNumber(name, value)
  if (number > 0 && number <= 1) return number
  throw new RangeError(`${name} must be a number above 0 and at most 1, not ${quote(value)}`)
}

/** A finite number from `least` to `most`, or `fallback` where the option was left out. */
export function numberBetween(name: string, value: unknown, least: number, most: number, fallback: number): number {
  if (value === undefined) return fallback
  const number = asNumber(name, value)
  if (number >= least && number <= most) return number
  throw new RangeError(`${name} must be a number from ${least} to ${most}, not ${quote(value)}`)
}

/** One of `choices`, or `fallback` where the option was left out. */
export function oneOf<T extends string>(name: string, value: unknown, choices: readonly T[], fallback: T): T {
  if (value === undefined) return fallback
  if (choices.includes(value as T)) return value as T
  throw new TypeError(`${name} must be one of ${choices.map(quote).join(', ')}, not ${quote(value)}`)
}

/** true or false, or `fallback` where the option was left out. */
export function flag(name: string, value: unknown, fallback: boolean): boolean {
  if (value === undefined) return fallback
  if (typeof value === 'boolean') return value
  throw new TypeError(`${name} must be true or false, not ${quote(value)}`)
}

/** A string that is not empty, or `fallback` where the option was left out. */
export function text(name: string, value: unknown, fallback: string): string {
  if (value === undefined) return fallback
  if (typeof value === 'string' && value !== '') return value
  throw new TypeError(`${name} must be a string that is not empty, not ${quote(value)}`)
}

/** A function, or undefined where the option was left out. */
export function optionalFunction<T>(name: string, value: T | undefined): T | undefined {
  if (value === undefined || typeof value === 'function') return value
  throw new TypeError(`${name} must be a function, not ${quote(value)}`)
}

/** An AbortSignal, or undefined where the option was left out. */
export function optionalSignal(name: string, value: unknown): AbortSignal | undefined {
  if (value === undefined || value instanceof AbortSignal) return value
  throw new TypeError(`${name} must be an AbortSignal, not ${quote(value)}`)
}

/** A Clock, or `fallback` where the option was left out. */
export function clockOption(name: string, value: unknown, fallback: Clock): Clock {
  if (value === undefined) return fallback
  const clock = value as Partial<Clock> | null
  if (typeof clock?.now === 'function' && typeof clock.monotonic === 'function') return clock as Clock
  throw new TypeError(`${name} must have the methods now and monotonic, not be ${quote(value)}`)
}

function asNumber(name: string, value: unknown): number {
  if (typeof value === 'number') return value
  throw new TypeError(`${name} must be a number, not ${quote(value)}`)
}
