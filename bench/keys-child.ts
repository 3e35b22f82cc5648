/**
 * Stores the answers to ever new keys in one cache, from within: a shielded listener is run by `warm`, which is all of
 * the way of a miss but the socket. Tells its memory and its CPU time every 10,000 keys.
 */
import { setFlagsFromString } from 'node:v8'
import { runInNewContext } from 'node:vm'
import { memoryStore, ResponseCache } from '../dist/index.js'
import { shield } from '../dist/middleware/node/index.js'
import { CACHE_CONTROL, CONTENT_TYPE, documentOf } from './answer.ts'
import { settings } from './settings.ts'

export interface KeysSettings {
  readonly keys: number
  readonly maxBytes: number
  /** Whether garbage is collected before each sample. */
  readonly collects: boolean
}

/** What is known after so many keys. */
export interface Sample {
  readonly keys: number
  /** Bytes of resident memory. */
  readonly resident: number
  /** Bytes in use on V8's heap and in buffers, garbage included where none was collected. */
  readonly used: number
  /** The highest number of bytes that the store has accounted for since the last sample. */
  readonly accounted: number
  readonly entries: number
  /** CPU microseconds since the last sample. */
  readonly cpu: number
}

export const STEP = 10_000
const { keys, maxBytes, collects } = await settings<KeysSettings>()
const store = memoryStore({ maxBytes })
const responses = new ResponseCache({ store })
let highest = 0
const collect = collects ? collector() : () => {}

shield(
  (request, response) => {
    highest = Math.max(highest, store.size)
    const body = JSON.stringify(documentOf(request.url ?? '/', 2048))
    response.writeHead(200, { 'Content-Type': CONTENT_TYPE, 'Cache-Control': CACHE_CONTROL })
    response.end(body)
  },
  { cache: { cache: responses } },
)

function collector(): () => void {
  setFlagsFromString('--expose-gc')
  return runInNewContext('gc') as () => void
}

function* urls(from: number): Generator<string> {
  for (let i = from; i < from + STEP; i++) yield `http://keys.example/item/${i}`
}

for (let done = 0; done < keys; done += STEP) {
  highest = 0
  const before = process.cpuUsage()
  const report = await responses.warm(urls(done))
  const { user, system } = process.cpuUsage(before)
  if (report.stored !== STEP) throw new Error(`Of ${STEP} answers ${report.stored} were stored`)
  collect()
  const { rss, heapUsed, external } = process.memoryUsage()
  const sample: Sample = {
    keys: done + STEP,
    resident: rss,
    used: heapUsed + external,
    accounted: Math.max(highest, store.size),
    entries: store.entries,
    cpu: user + system,
  }
  process.send?.(sample)
}
process.disconnect?.()
