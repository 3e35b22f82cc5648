/** Another process on a store of this machine: `node local.ts <store> <place> <job> <number>`. */
import type { StoreCapabilities } from '../../../src/core/store/capabilities.ts'
import type { RemoteStore } from '../../../src/core/store/remote.ts'
import { isWhole, type LocalKind, openLocal, wholeBody } from '../../support/local-stores.ts'

const [kind = '', place = '', job = '', amount = '0'] = process.argv.slice(2)
const count = Number(amount)
const minute = 60_000
const tell = (message: object): void => void process.send?.(message)

const jobs: Record<string, (store: RemoteStore, own: StoreCapabilities) => Promise<void>> = {
  /** Writes for ever, over and over under the same keys, bodies of all sizes up to some parts. */
  write: async (store) => {
    for (let round = 0; ; round++) {
      for (let i = 0; i < count; i++) {
        const key = `written ${i}`
        const size = i % 10 === 0 ? 1_500_000 : 200 + ((i * 7919 + round * 104_729) % 60_000)
        await store.set(key, { meta: { key }, body: wholeBody(key, size) }, minute)
        if (round === 0 && i === 0) tell({ started: true })
      }
    }
  },
  /** Adds one, so many times, 20 callers at once. */
  increment: async (_, own) => {
    await atOnce(async () => void (await own.increment('sum', 1, minute)))
  },
  /** Adds one to a cell by compare-and-swap, so many times, four callers at once. */
  swap: async (_, own) => {
    await own.setIfAbsent('swapped', Buffer.from('0'), minute)
    await atOnce(async () => {
      for (;;) {
        const found = await own.read('swapped')
        const next = Buffer.from(String(Number(found) + 1))
        if (found && (await own.compareAndSwap('swapped', found, next, minute))) return
      }
    }, 4)
  },
  /** Tries to be the first under so many keys. */
  first: async (_, own) => {
    let won = 0
    await atOnce(async (index) => {
      if (await own.setIfAbsent(`first ${index}`, Buffer.from(String(process.pid)), minute)) won++
    })
    tell({ won })
  },
  /** Appends so many values of its own. */
  append: async (_, own) => {
    await atOnce(async (index) => void (await own.append?.('list', Buffer.from(`${process.pid} ${index}`), minute)))
  },
  /** Sets and reads under keys that others use too; every body found must be whole. */
  mix: async (store) => {
    await atOnce(async (index) => {
      const key = `mixed ${index % 20}`
      await store.set(key, { meta: { key }, body: wholeBody(key, 100 + ((index * 7919) % 30_000)) }, minute)
      const found = await store.get(key)
      if (found !== undefined && !isWhole(key, found.body)) throw new Error(`${key} is damaged`)
    })
  },
  /** Writes until it is refused, then removes what it wrote and goes on. */
  fill: async (store) => {
    let refusal: unknown
    let written = 0
    for (; written < count && refusal === undefined; written++) {
      await store
        .set(`fill ${written}`, { meta: {}, body: wholeBody('fill', 50_000) }, minute)
        .catch((error: unknown) => {
          refusal = error
        })
    }
    const kept = await store.get('fill 0')
    tell({
      refusal: String(refusal),
      code: (refusal as { code?: string } | undefined)?.code,
      reads: kept !== undefined && isWhole('fill', kept.body),
    })
  },
}

async function atOnce(work: (index: number) => Promise<void>, callers = 20): Promise<void> {
  let next = 0
  await Promise.all(
    Array.from({ length: callers }, async () => {
      while (next < count) await work(next++)
    }),
  )
}

const store = openLocal(kind as LocalKind, place)
await store.ready()
await jobs[job]?.(store, store.capabilities as StoreCapabilities)
await store.close()
process.disconnect?.()
