import type { FieldValue } from '../http/message.ts'
import { type RequestedRange, requestedRange } from '../http/range.ts'

/** The unit of ranges that count items: `Range: items=0-24` (RFC 9110 section 14.1). */
const ITEMS = 'items'

/** One range of items that a Range field asks for; undefined for all that is to be ignored. */
export function requestedItems(value: FieldValue): RequestedRange | undefined {
  return requestedRange(value, ITEMS)
}

/** `items 0-24/100`, both ends included; with `/*` where the length is not known. */
export function itemContentRange(first: number, last: number, total?: number): string {
  return `${ITEMS} ${first}-${last}/${total ?? '*'}`
}

/** What a 416 says: how many there are. */
export function unsatisfiedItems(total: number): string {
  return `${ITEMS} */${total}`
}
