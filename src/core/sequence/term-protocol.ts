import { quote } from '../options.ts'
import { PageError } from './page-error.ts'
import { integerOf, ownParameters } from './parameters.ts'

/** The sub-protocol of terms over WebSocket (RFC 6455 section 1.9), by the name that clients offer it with. */
export const TERMS_PROTOCOL = 'breakwater.terms.v1'

/** Which terms a client wants, and how many of them it may be sent at once. */
export interface TermsAsked {
  readonly start: number
  /** Undefined: as many as a stream has where nobody says how many. */
  readonly limit: number | undefined
  readonly credit: number
}

/** What a message means. */
export type Heard =
  | { readonly type: 'asked'; readonly asked: TermsAsked }
  | { readonly type: 'credited'; readonly credit: number }
  | { readonly type: 'refused'; readonly error: PageError }

/** How a connection ends (RFC 6455 section 7.4.1). */
export interface Closing {
  readonly code: 1000 | 1003 | 1008 | 1011 | 1013
  readonly reason: string
}

/** The part of a problem document that a connection's end depends on. */
export interface ToldProblem {
  readonly status: number
  readonly detail: string
}

const ASKING = ['start', 'after', 'limit', 'credit'] as const
const CREDITING = ['credit'] as const
/** The largest number of 15 digits, as in a query. */
const LARGEST = 999_999_999_999_999
/** A close frame has 125 bytes, two of them for the code (RFC 6455 section 5.5). */
const LONGEST_REASON = 123

type Name = (typeof ASKING)[number]
type Numbers = Partial<Record<Name, number>>

/** What the query of the URL asks for; undefined: nothing, the first message will. `query` without its `?`. */
export function heardInQuery(query: string): Heard | undefined {
  return orRefused<Heard | undefined>(() => {
    const { asked } = ownParameters(query, ASKING)
    if (asked.size === 0) return undefined
    const numbers: Numbers = {}
    for (const name of ASKING) {
      const text = asked.get(name)
      if (text !== undefined) numbers[name] = integerOf(name, text, leastOf(name))
    }
    return { type: 'asked', asked: askedBy(numbers) }
  })
}

/** What a text message means. The first one asks, unless the query did; all after it give credit. */
export function heardInMessage(text: string, hasAsked: boolean): Heard {
  return orRefused<Heard>(() => {
    const numbers = numbersOf(text, hasAsked ? CREDITING : ASKING)
    if (!hasAsked) return { type: 'asked', asked: askedBy(numbers) }
    if (numbers.credit === undefined) throw new PageError(400, 'A message after the first must give credit')
    return { type: 'credited', credit: numbers.credit }
  })
}

/** `text` is the term's JSON. */
export function termMessage(index: number, text: string): string {
  return `{"index":${index},"term":${text}}`
}

export const END_MESSAGE = '{"end":true}'

export function errorMessage(problem: ToldProblem): string {
  return JSON.stringify({ error: problem })
}

/** All was sent. */
export const ENDED: Closing = { code: 1000, reason: '' }

/** Messages are text. */
export const NOT_TEXT: Closing = { code: 1003, reason: 'Messages must be text, and JSON' }

/** For what a client did wrong: 1008; where it may come back later: 1013; elsewhere 1011. */
export function closingOf({ status, detail }: ToldProblem): Closing {
  if (status === 503) return { code: 1013, reason: cut(detail) }
  return { code: status < 500 ? 1008 : 1011, reason: cut(detail) }
}

function askedBy({ start, after, limit, credit = 0 }: Numbers): TermsAsked {
  if (start !== undefined && after !== undefined) throw new PageError(400, 'start and after exclude each other')
  return { start: after === undefined ? (start ?? 0) : after + 1, limit, credit }
}

function numbersOf(text: string, names: readonly Name[]): Numbers {
  const numbers: Numbers = {}
  for (const [name, value] of Object.entries(objectOf(text))) {
    if (!names.includes(name as Name)) {
      throw new PageError(400, `${quote(name)} is not understood here, but ${names.join(', ')}`)
    }
    numbers[name as Name] = numberOf(name as Name, value)
  }
  return numbers
}

function objectOf(text: string): object {
  let value: unknown
  try {
    value = JSON.parse(text)
  } catch {
    value = undefined
  }
  if (typeof value === 'object' && value !== null && !Array.isArray(value)) return value
  throw new PageError(400, 'A message must be a JSON object such as {"start":0,"limit":100,"credit":10}')
}

function numberOf(name: Name, value: unknown): number {
  const least = leastOf(name)
  if (Number.isSafeInteger(value) && (value as number) >= least && (value as number) <= LARGEST) return value as number
  throw new PageError(400, `${name} must be a whole number from ${least} on, not ${quote(value)}`)
}

function leastOf(name: Name): number {
  return name === 'limit' || name === 'credit' ? 1 : 0
}

function orRefused<T>(hear: () => T): T | Heard {
  try {
    return hear()
  } catch (error) {
    if (error instanceof PageError) return { type: 'refused', error }
    throw error
  }
}

/** Whole characters only. */
function cut(text: string): string {
  if (Buffer.byteLength(text) <= LONGEST_REASON) return text
  const beginning = Buffer.from(text).subarray(0, LONGEST_REASON - 3)
  return `${new TextDecoder().decode(beginning, { stream: true })}...`
}
