import type { Results } from './results.ts'
import { ratio } from './servers.ts'

/** What is to be reached, and what was. */
export interface Bar {
  readonly what: string
  readonly bar: string
  readonly figure: string
  readonly reached: boolean
  /** The same figure for code in the same place that decides nothing, where that is measured. */
  readonly bare?: string
}

export function bars({ hits, miss, clients, stampede, keys }: Results): Bar[] {
  const share = (scenario: string, subject: string): number => {
    const found = hits.find((hit) => hit.scenario.name === scenario)
    return found === undefined ? Number.NaN : ratio(found.figures, subject, 'raw')
  }
  const shareBar = (scenario: string, subject: string, what: string, least: number): Bar =>
    atLeast(`${scenario}: ${what}`, share(scenario, subject), least, 'of raw node:http')
  const missBar = (what: string, name: 'express' | 'koa'): Bar => ({
    ...atMost(`miss with storing, 2 KB: ${what}`, 1 / ratio(miss, `${name}-cache`, name), 1.15, 'x without a cache'),
    bare: (1 / ratio(miss, `${name}-map`, name)).toFixed(2),
  })
  return [
    shareBar('hit, 2 KB', 'shield', '`shield`', 0.85),
    {
      ...shareBar('hit, 2 KB', 'express-cache', 'first `app.use` in Express', 0.7),
      bare: share('hit, 2 KB', 'express-ceiling').toFixed(2),
    },
    shareBar('hit, 2 KB', 'koa-cache', 'first `app.use` in Koa', 0.74),
    {
      ...shareBar('hit, 2 KB', 'koa-cache-second', 'second in Koa, outer middleware intact', 0.58),
      bare: share('hit, 2 KB', 'koa-second-ceiling').toFixed(2),
    },
    shareBar('hit, 20 KB', 'shield', '`shield`', 0.85),
    shareBar('hit, 200 KB', 'shield', '`shield`', 0.85),
    shareBar('304', 'shield', '`shield`', 0.85),
    missBar('Express', 'express'),
    missBar('Koa', 'koa'),
    atLeast('undici hit, 2 KB', ratio(clients, 'breakwater', 'undici-cache'), 1.8, "x cheaper than undici's own cache"),
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
    atMost('1,000,000 keys: resident bytes a key from 100,000 on', keys.slope, 2, 'bytes'),
    atMost('1,000,000 keys: last 100,000 stores', keys.slowdown, 1.2, 'x the first'),
  ]
}

function atLeast(what: string, figure: number, least: number, unit: string): Bar {
  return { what, bar: `≥ ${least} ${unit}`.trim(), figure: figure.toFixed(2), reached: figure >= least }
}

function atMost(what: string, figure: number, most: number, unit: string, digits = 2): Bar {
  return { what, bar: `≤ ${most} ${unit}`.trim(), figure: figure.toFixed(digits), reached: figure <= most }
}
