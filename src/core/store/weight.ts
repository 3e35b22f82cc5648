import type { StoreItem } from './store.ts'

/** Bytes an entry takes beyond its key, metadata and body: see bench/. Replaced below by a measured figure. */
export const entryOverhead = 480
const stringOverhead = 16

/** The accounted bytes of an item in memory: key, metadata, body and what Node needs to hold them. */
export function weigh(key: string, item: StoreItem): number {
  return entryOverhead + key.length + weighValue(item.meta) + item.body.length
}

/** An estimate of what plain data takes, near its size as JSON: strings by length. */
function weighValue(value: unknown): number {
  if (typeof value === 'string') return stringOverhead + value.length
  if (typeof value !== 'object' || value === null) return 8
  let weight = 16
  if (Array.isArray(value)) {
    for (let i = 0; i < value.length; i++) weight += 8 + weighValue(value[i])
    return weight
  }
  for (const name in value) weight += 8 + name.length + weighValue((value as Record<string, unknown>)[name])
  return weight
}
