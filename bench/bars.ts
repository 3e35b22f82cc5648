import type { Results } from './results.ts'
import { ratio, ratios } from './servers.ts'
import { median, middleHalf } from './statistics.ts'

/** What is to be reached, and what was. */
export interface Bar {
  readonly what: string
  readonly bar: string
  readonly figure: string
  /** Between which figures the middle half of the rounds is, or all of a few runs. */
  readonly scatter?: string
  readonly reached: boolean
  /** The same figure for code in the same place that decides nothing, where that is measured. */
  readonly bare?: string
}

export function bars({ hits, miss, clients, stampede, keys }: Results): Bar[] {
  const shares = (scenario: string, subject: string): readonly number[] => {
    const found = hits.find((hit) => hit.scenario.name === scenario)
    return found === undefined ? [] : ratios(found.figures, subject, 'raw')
  }
  const shareBar = (scenario: string, subject: string, what: string, least: number): Bar =>
    inRounds(shares(scenario, subject), (share) => atLeast(`${scenario}: ${what}`, share, least, 'of raw node:http'))
  const missBar = (what: string, name: 'express' | 'koa'): Bar => ({
    ...inRounds(ratios(miss, name, `${name}-cache`), (times) =>
      atMost(`miss with storing, 2 KB: ${what}`, times, 1.15, 'x without a cache'),
    ),
    bare: ratio(miss, name, `${name}-map`).toFixed(2),
  })
  return [
    shareBar('hit, 2 KB', 'shield', '`shield`', 0.85),
    {
      ...shareBar('hit, 2 KB', 'express-cache', 'first `app.use` in Express', 0.7),
      bare: median(shares('hit, 2 KB', 'express-ceiling')).toFixed(2),
    },
    shareBar('hit, 2 KB', 'koa-cache', 'first `app.use` in Koa', 0.74),
    {
      ...shareBar('hit, 2 KB', 'koa-cache-second', 'second in Koa, outer middleware intact', 0.58),
      bare: median(shares('hit, 2 KB', 'koa-second-ceiling')).toFixed(2),
    },
    shareBar('hit, 20 KB', 'shield', '`shield`', 0.85),
    shareBar('hit, 200 KB', 'shield', '`shield`', 0.85),
    shareBar('304', 'shield', '`shield`', 0.85),
    missBar('Express', 'express'),
    missBar('Koa', 'koa'),
    inRounds(ratios(clients, 'breakwater', 'undici-cache'), (times) =>
      atLeast('undici hit, 2 KB', times, 1.8, "x cheaper than undici's own cache"),
    ),
    ...['shield', 'express-cache', 'koa-cache'].map((name) =>
      atMost(
        `200 requests at once, nothing stored: ${name}`,
        stampede.get(name) ?? Number.NaN,
        1,
        'runs of the handler',
        0,
      ),
    ),
    atMost('1,000,000 keys: bytes accounted, of `maxBytes`', keys.accounted / keys.maxBytes, 1, ''),
    {
      ...atMost('1,000,000 keys: resident bytes a key from 100,000 on', keys.slope, 2, 'bytes'),
      scatter: rangeText(keys.slopes),
    },
    atMost('1,000,000 keys: last 100,000 stores', keys.slowdown, 1.2, 'x the first'),
  ]
}

/** A bar on the median over rounds. */
function inRounds(figures: readonly number[], bar: (middle: number) => Bar): Bar {
  return { ...bar(median(figures)), scatter: halfText(figures) }
}

/** `0.57 to 0.66`: the middle half of some figures. */
export function halfText(figures: readonly number[]): string {
  return rangeText(middleHalf(figures))
}

export function rangeText([least, most]: readonly [least: number, most: number]): string {
  return `${least.toFixed(2)} to ${most.toFixed(2)}`
}

function atLeast(what: string, figure: number, least: number, unit: string): Bar {
  return { what, bar: `≥ ${least} ${unit}`.trim(), figure: figure.toFixed(2), reached: figure >= least }
}

function atMost(what: string, figure: number, most: number, unit: string, digits = 2): Bar {
  return { what, bar: `≤ ${most} ${unit}`.trim(), figure: figure.toFixed(digits), reached: figure <= most }
}
