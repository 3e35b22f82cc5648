/** One of several servers that share a store: primes' way, a term each few ms. Tells its parent where, and what it computes. */
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { setTimeout as sleep } from 'node:timers/promises'
import { defineSequence } from 'breakwater'
import { redisStore } from 'breakwater/stores/redis'
import { frameworks } from './frameworks.ts'

const [name, url = '', deterministic] = process.argv.slice(2)
const sequence = defineSequence<number, string>({
  id: 'slow',
  deterministic: deterministic === 'true',
  states: async function* (after, signal) {
    for (let n = after === undefined ? 0 : after + 1; !signal.aborted; n++) {
      if (n % 5 === 4) await sleep(5)
      process.send?.({ type: 'computed', index: n })
      yield n
    }
  },
  term: (n) => (deterministic === 'true' ? `${n}` : `${n} by ${process.pid}`),
})

const framework = frameworks.find((each) => each.name === name)
if (framework === undefined) throw new Error(`There is no ${name}`)
const store = redisStore({ url })
const router = { sequence, store, blockSize: 20, storeTimeout: 5_000 }
const server = createServer(framework.listener({ router }))
process.on('disconnect', () => process.exit())
await store.ready()
server.listen(0, '127.0.0.1', () => {
  process.send?.({ type: 'ready', port: (server.address() as AddressInfo).port })
})
