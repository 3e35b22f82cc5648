/** What is kept for a URL: by which request fields its answers differ. Their own items are found by that. */
export interface VariantIndex {
  readonly kind: 'undici-index'
  /** Part of the keys of all answers, so that with a new index all old answers are out of reach. */
  readonly generation: string
  /** Sets of field names, sorted; newest first. */
  readonly sets: readonly (readonly string[])[]
  /** When the store may drop the index, epoch ms. */
  readonly until: number
}

/** Different Vary fields of one URL; beyond it the oldest is forgotten. */
const MAX_SETS = 8

/** An index outlives the answers it was made for, so that it is not written anew with each of them, ms. */
const SPARE = 24 * 60 * 60 * 1000

export function isVariantIndex(meta: object): meta is VariantIndex {
  const { kind, generation, sets, until } = meta as Partial<VariantIndex>
  return (
    kind === 'undici-index' &&
    typeof generation === 'string' &&
    typeof until === 'number' &&
    Array.isArray(sets) &&
    sets.every((names) => Array.isArray(names) && names.every((name) => typeof name === 'string'))
  )
}

/** An index that covers answers with these selecting fields until then; the same one if it does already. */
export function covering(
  index: VariantIndex | undefined,
  names: readonly string[],
  until: number,
  newGeneration: () => string,
): VariantIndex {
  const id = names.join(',')
  const known = index?.sets.find((set) => set.join(',') === id)
  if (index !== undefined && known !== undefined && index.until >= until) return index
  const others = (index?.sets ?? []).filter((set) => set !== known)
  return {
    kind: 'undici-index',
    generation: index?.generation ?? newGeneration(),
    sets: [names, ...others].slice(0, MAX_SETS),
    until: Math.max(until + SPARE, index?.until ?? 0),
  }
}
