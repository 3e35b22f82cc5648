/**
 * Measures the CPU of a set and a get beside the raw client and keyv's stock adapter, on real servers of its own.
 *
 *     node bench/stores/main.ts [name ...] [--rounds 9] [--bytes 64000000] [--times 1500]
 */
import { parseArgs } from 'node:util'
import { machine } from '../machine.ts'
import type { StoreBench } from './contender.ts'
import { disk } from './disk.ts'
import { etcd } from './etcd.ts'
import { measure } from './measure.ts'
import { memcached } from './memcached.ts'
import { postgres } from './postgres.ts'
import { redis } from './redis.ts'
import { s3 } from './s3.ts'

const benches: readonly StoreBench[] = [redis, postgres, memcached, etcd, disk, s3]
const KiB = 1024
const sizes = [2 * KiB, 20 * KiB, KiB * KiB]

const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: {
    rounds: { type: 'string', default: '9' },
    bytes: { type: 'string', default: '64000000' },
    times: { type: 'string', default: '1500' },
  },
})
const effort = { rounds: Number(values.rounds), bytesPerRound: Number(values.bytes), mostTimes: Number(values.times) }
const asked = benches.filter(({ name }) => positionals.length === 0 || positionals.includes(name.toLowerCase()))

console.log(machine())
for (const { name, bars, start } of asked) {
  const { contenders, stop } = await start()
  try {
    for (const bytes of sizes) {
      const figures = await measure(contenders, bytes, effort)
      console.log(`\n${name}, ${bytes / KiB} KiB, µs of CPU for one set and one get`)
      for (const { name, cpu, ratio } of figures) {
        console.log(`  ${name.padEnd(32)} ${cpu.toFixed(0).padStart(7)}  ${ratio.toFixed(2)} x`)
      }
      const [, ours] = figures
      const bar = bars[bytes]
      if (bar === undefined || ours === undefined) continue
      console.log(`  at most ${bar} x: ${ours.ratio <= bar ? 'reached' : 'NOT REACHED'}`)
    }
  } finally {
    await stop()
  }
}
