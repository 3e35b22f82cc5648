/**
 * Measures what processes on one Redis cost and do together.
 *
 *     npm run build && node bench/fleet/main.ts [--rounds 10 --seconds 1]
 */
import { parseArgs } from 'node:util'
import { startRedis } from '../../test/support/servers.ts'
import { machine } from '../machine.ts'
import { measure, ratio } from '../servers.ts'
import { median } from '../statistics.ts'
import { HANDLER, outage } from './outage.ts'
import { purgeDelays } from './purge.ts'

const { values } = parseArgs({
  options: { rounds: { type: 'string', default: '10' }, seconds: { type: 'string', default: '1' } },
})
const effort = { rounds: Number(values.rounds), seconds: Number(values.seconds) }
/** The default of `storeTimeout`, ms. */
const storeTimeout = 100

console.log(machine())
const redis = await startRedis()
process.env.BENCH_REDIS_URL = redis.url
try {
  const subjects = ['express-cache', 'express-beside-redis', 'express-tiers', 'express-redis'] as const
  const hits = await measure({ name: 'fleet', bytes: 2048, kind: 'hit', subjects }, effort)
  const delays = await purgeDelays(redis.url, 20)
  const out = await outage(redis)
  console.table([
    row('hit through the near tier, Express', 1 / ratio(hits, 'express-tiers', 'express-cache'), 1.1, 'x a memory hit'),
    row(
      'of it, what having a connection to Redis is',
      1 / ratio(hits, 'express-beside-redis', 'express-cache'),
      1.1,
      '',
    ),
    row('hit from Redis only, Express', 1 / ratio(hits, 'express-redis', 'express-cache'), 2, 'x a memory hit'),
    row('purge seen by another process, median', median(delays), 50, 'ms'),
    row('purge seen by another process, longest', Math.max(...delays), 50, 'ms'),
    row('Redis killed: failed requests', out.failed, 0, ''),
    row('Redis killed: p99 in the first second', out.firstSecond, HANDLER + storeTimeout + 50, 'ms'),
    row('Redis skipped: p99', out.skipped, 1.2, 'x without a cache'),
  ])
} finally {
  await redis.stop()
}

function row(what: string, figure: number, most: number, unit: string) {
  return { what, figure: figure.toFixed(2), bar: `≤ ${most} ${unit}`.trim(), reached: figure <= most }
}
