import type { Terms } from './term-reader.ts'

/** How terms are written: what comes before them, between them and after them. Nothing of it depends on time. */
export interface TermFormat {
  /** The same bytes for the same terms as long as name and version are the same. */
  readonly name: string
  readonly version: number
  readonly type: string
  /** Whether terms are sent one batch after the other as they come, and not as one page where that is small. */
  readonly isStream: boolean
  /** Whether it is for one reader only, who goes on after a break: then no cache keeps it. */
  readonly isLive: boolean
  /** Whether an item range may be answered in it. */
  readonly hasRanges: boolean
  open(start: number): string
  /** `isFirst`: none were written before them. */
  terms(terms: Terms, isFirst: boolean): string
  /** `count`: how many were written. */
  close(count: number): string
  /** Tells a reader that there is no next term; undefined where only breaking off can tell. `problem` is JSON. */
  readonly failure: ((problem: string) => string) | undefined
  /** Tells a reader who waits that the connection is alive. */
  readonly beat: string | undefined
}

const WHOLE = { version: 1, type: 'application/json', isStream: false, isLive: false, hasRanges: true } as const
const NO_WORDS = { failure: undefined, beat: undefined } as const

function joined({ texts }: Pick<Terms, 'texts'>, isFirst: boolean): string {
  return isFirst ? texts.join(',') : `,${texts.join(',')}`
}

/** `{"start":0,"terms":["0","1"],"count":2}`: count comes last, because it is known last. */
const json: TermFormat = {
  ...WHOLE,
  ...NO_WORDS,
  name: 'json',
  open: (start) => `{"start":${start},"terms":[`,
  terms: joined,
  close: (count) => `],"count":${count}}`,
}

/** `["0","1"]`, as it comes. */
const array: TermFormat = {
  ...WHOLE,
  ...NO_WORDS,
  name: 'array',
  isStream: true,
  open: () => '[',
  terms: joined,
  close: () => ']',
}

/** `{"index":0,"term":"0"}` and a line break for each term. */
const ndjson: TermFormat = {
  ...WHOLE,
  name: 'ndjson',
  type: 'application/x-ndjson',
  isStream: true,
  open: () => '',
  terms: ({ index, texts }) => texts.map((text, i) => `{"index":${index + i},"term":${text}}\n`).join(''),
  close: () => '',
  failure: (problem) => `{"error":${problem}}\n`,
  beat: undefined,
}

/** Server-sent events (HTML, section 9.2): the data is the term's JSON, the id its index, `end` the last event. */
const sse: TermFormat = {
  name: 'sse',
  version: 1,
  type: 'text/event-stream',
  isStream: true,
  isLive: true,
  hasRanges: false,
  open: () => '',
  terms: ({ index, texts }) => texts.map((text, i) => `id: ${index + i}\ndata: ${text}\n\n`).join(''),
  close: (count) => `event: end\ndata: {"count":${count}}\n\n`,
  failure: (problem) => `event: error\ndata: ${problem}\n\n`,
  beat: ':\n\n',
}

/** The formats of terms, by the names that a query calls them. The first of a type is what Accept chooses. */
export const formats: Readonly<Record<FormatName, TermFormat>> = { json, array, ndjson, sse }

export type FormatName = 'json' | 'array' | 'ndjson' | 'sse'

/** `{"index":7,"term":"13"}`: a term on its own. */
export const termFormat: TermFormat = {
  ...WHOLE,
  ...NO_WORDS,
  name: 'term',
  hasRanges: false,
  open: (index) => `{"index":${index},"term":`,
  terms: joined,
  close: () => '}',
}

/** How terms that are whole numbers are written where clients expect JSON numbers. */
export type CountedNumbers = 'exact' | 'numbers'

/**
 * `{"results":[0,1,1]}`. A term that JSON has as a string of digits becomes a number: with `exact` where every reader of
 * JSON has the same number then, which is up to 2^53 - 1 (RFC 8259 section 6); with `numbers` always.
 */
export function countedFormat(numbers: CountedNumbers): TermFormat {
  return {
    ...WHOLE,
    ...NO_WORDS,
    name: `counted-${numbers}`,
    hasRanges: false,
    open: () => '{"results":[',
    terms: ({ texts }, isFirst) => joined({ texts: texts.map((text) => numberText(text, numbers)) }, isFirst),
    close: () => ']}',
  }
}

const QUOTED_DIGITS = /^"(-?\d+)"$/
const MOST_EXACT_DIGITS = 16

function numberText(text: string, numbers: CountedNumbers): string {
  // With a sign and quotes.
  if (numbers === 'exact' && text.length > MOST_EXACT_DIGITS + 3) return text
  const digits = QUOTED_DIGITS.exec(text)?.[1]
  if (digits === undefined) return text
  return numbers === 'numbers' || Number.isSafeInteger(Number(digits)) ? digits : text
}
