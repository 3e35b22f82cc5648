import { formatLinks } from '../../core/sequence/link.ts'
import { targetsAround } from '../../core/sequence/page-links.ts'
import type { OwnParameters } from '../../core/sequence/parameters.ts'
import { allowedCount, type TermBounds, type TermPlan } from '../../core/sequence/term-plan.ts'
import type { SequenceAsked } from './sequence-asked.ts'

/**
 * Links to other pages of the same size, or as large as they may be; `count`: how many terms this one has. `isKept`:
 * whether the next one goes on from where this one ends.
 */
export function linksAround(
  asked: SequenceAsked,
  { bounds, isKept }: { readonly bounds: TermBounds; readonly isKept: boolean },
  { start, size }: TermPlan,
  { kept, asked: own }: OwnParameters,
  count: number | undefined,
): string {
  const { length } = bounds
  const format = own.get('format')
  const before = [...kept.map(({ text }) => text), ...(format === undefined ? [] : [`format=${format}`])]
  const hasMore = length === undefined ? count === undefined || count === size : start + size < length
  const place = { offset: start, size, scanLimit: Infinity }
  const links = Object.entries(targetsAround(place, length, hasMore)).flatMap(([rel, target]) => {
    if (target === undefined) return []
    const index = target.kind === 'index' ? target.index : 0
    const kept = rel === 'next' && isKept ? index - 1 : bounds.kept
    const limit = allowedCount({ ...bounds, kept }, index, size)
    // Terms that nobody gets are not told of, but for the next ones: their answer says why.
    if (limit === 0 && rel !== 'next') return []
    const query = [...before, `start=${index}`, `limit=${Math.max(limit, 1)}`].join('&')
    return [{ rel, href: `${asked.isAbsolute ? `${asked.root}/terms` : ''}?${query}` }]
  })
  return formatLinks(links)
}
