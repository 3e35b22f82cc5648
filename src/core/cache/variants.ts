/** One stored variant of a resource. */
export interface Variant {
  /** Key of the variant's own item. */
  readonly key: string
  /** Names of its selecting fields, sorted. */
  readonly names: readonly string[]
  /** Content-Language, where the variants may be told apart by it. */
  readonly language: string | undefined
}

/** What stands under the primary key of a resource whose answers vary: which variants there are, newest first. */
export interface VariantIndex {
  readonly kind: 'variants'
  readonly variants: readonly Variant[]
}

/** At most this many variants of one resource are kept; beyond it the oldest goes. */
const MAX_VARIANTS = 64

/** The index with `variant` as its newest, and the variants that had to go. */
export function withVariant(
  index: VariantIndex | undefined,
  variant: Variant,
): { index: VariantIndex; dropped: readonly Variant[] } {
  const others = (index?.variants ?? []).filter((known) => known.key !== variant.key)
  const variants = [variant, ...others.slice(0, MAX_VARIANTS - 1)]
  return { index: { kind: 'variants', variants }, dropped: others.slice(MAX_VARIANTS - 1) }
}

/** The different sets of selecting fields in an index, newest first. */
export function selectingSets(index: VariantIndex): readonly (readonly string[])[] {
  const seen = new Set<string>()
  const sets: (readonly string[])[] = []
  for (const { names } of index.variants) {
    const id = names.join(',')
    if (!seen.has(id)) {
      seen.add(id)
      sets.push(names)
    }
  }
  return sets
}

/** Whether what a store gave back is an index. */
export function isVariantIndex(meta: object): meta is VariantIndex {
  const data = meta as Partial<VariantIndex>
  return (
    data.kind === 'variants' &&
    Array.isArray(data.variants) &&
    data.variants.every(
      (variant) =>
        typeof variant === 'object' &&
        variant !== null &&
        typeof (variant as Variant).key === 'string' &&
        ((variant as Variant).language === undefined || typeof (variant as Variant).language === 'string') &&
        Array.isArray((variant as Variant).names) &&
        (variant as Variant).names.every((name) => typeof name === 'string'),
    )
  )
}
