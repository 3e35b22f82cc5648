/** A server of an endless sequence of 16 KB items that tells its parent how much memory it uses. */
import { randomBytes } from 'node:crypto'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { setImmediate as nextTurn } from 'node:timers/promises'
import { fromIterable } from 'breakwater'
import { frameworks } from './frameworks.ts'

// Freshly made, and of a kind that nothing makes smaller.
const sequence = fromIterable(
  function* () {
    for (;;) yield randomBytes(8 * 1024).toString('hex')
  },
  { id: 'large', cost: () => ({ bytes: 1, time: 1 }) },
)

const framework = frameworks.find(({ name }) => name === process.argv[2])
if (framework === undefined) throw new Error(`There is no ${process.argv[2]}`)
const limits = { page: { count: 10_000_000 }, stream: { count: 10_000_000 } }
const { listener, router } = framework.mounted({ router: { sequence, limits } })
const server = createServer(listener).on('upgrade', router.upgrade)

let most = 0
setInterval(() => {
  most = Math.max(most, process.memoryUsage.rss())
}, 5)
process.on('message', () => {
  global.gc?.()
  void nextTurn().then(() => {
    process.send?.({ most, now: process.memoryUsage.rss() })
    most = process.memoryUsage.rss()
  })
})
server.listen(0, '127.0.0.1', () => process.send?.({ port: (server.address() as AddressInfo).port }))
