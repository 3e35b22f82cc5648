import type { StoreItem } from './store.ts'

/**
 * Bytes an entry takes beyond its key, metadata and body, measured on Node 24 for 20,000 entries: about 430 on the heap
 * (slot, place in the index and its spare room, expiry time, item, Buffer and ArrayBuffer) and 170 outside it
 * (backing store and its book-keeping).
 */
const entryOverhead = 600
const objectOverhead = 16
const stringOverhead = 16
/** A pointer, a small number, true, false or null. */
const word = 8

/** The accounted bytes of an item in memory: key, metadata, body and what Node needs to hold them. */
export function weigh(key: string, item: StoreItem): number {
  return entryOverhead + key.length + weighValue(item.meta) + item.body.length
}

/** An estimate for plain data, somewhat above its size as JSON: strings by length. */
function weighValue(value: unknown): number {
  if (typeof value === 'string') return stringOverhead + value.length
  if (typeof value !== 'object' || value === null) return word
  let weight = objectOverhead
  if (Array.isArray(value)) {
    for (const part of value) weight += word + weighValue(part)
    return weight
  }
  for (const name in value) weight += word + name.length + weighValue((value as Record<string, unknown>)[name])
  return weight
}
