/** One of many processes that read terms which are kept in one store. */
import { createHash } from 'node:crypto'
import { postgresStore } from '../../../src/adapters/stores/postgres.ts'
import { redisStore } from '../../../src/adapters/stores/redis.ts'
import { keepTerms } from '../../../src/core/sequence/keep-terms.ts'
import { chain } from './chain.ts'
import type { Reading, Report } from './fleet.ts'

const [kind, url = '', blockSize] = process.argv.slice(2)
const tell = (report: Report): void => void process.send?.(report)

/** Told so often that little is missed when this process is killed. */
const TOLD_EACH = 50
let computed = 0
const sequence = chain(() => {
  if (++computed % TOLD_EACH === 0) tell({ type: 'computed', terms: TOLD_EACH })
})
const store = kind === 'redis' ? redisStore({ url }) : postgresStore({ url })
const source = keepTerms(sequence, { store, blockSize: Number(blockSize), storeTimeout: 5_000 })

async function read({ start, end }: Reading): Promise<void> {
  const hash = createHash('sha256')
  let terms = 0
  for await (const { texts } of source.read(start, end, new AbortController().signal)) {
    for (const text of texts) hash.update(text)
    terms += texts.length
  }
  tell({ type: 'read', terms, digest: hash.digest('hex') })
}

process.on('message', (reading: Reading) => void read(reading))
process.on('disconnect', () => process.exit())
await store.ready()
tell({ type: 'ready' })
