import { capabilitySuite, presenceOfCapabilities } from './capabilities.ts'
import { concurrencySuite } from './concurrency.ts'
import { contractSuite } from './contract.ts'
import { frozenSuite } from './frozen.ts'
import { listSuite } from './lists.ts'
import { messageSuite } from './messages.ts'
import { streamSuite } from './streams.ts'
import type { StoreSubject, StoreSuiteOptions, Suite } from './subject.ts'

export type { AnotherStore, StoreFeature, StoreSubject, StoreSuiteOptions, SuiteContext } from './subject.ts'

/**
 * Defines the tests that every store of Breakwater passes, for a store of your own: what it must do, what it must do
 * under many callers and clients, and each capability that it has. What it does not have is skipped by name.
 */
export function storeSuite(options: StoreSuiteOptions): void {
  const { describe, test, beforeAll, afterAll, create, name = 'store', timeout = 30_000 } = options
  describe(name, () => {
    let created: StoreSubject | undefined
    beforeAll(async () => {
      created = await create()
    })
    afterAll(async () => {
      await created?.close?.()
    })

    const subject = (): StoreSubject => {
      if (created === undefined) throw new Error('The store of this suite could not be created')
      return created
    }
    const suite: Suite = {
      largest: options.largest ?? 64 * 1024 * 1024,
      subject,
      rule: (rule, body, needs = []) => {
        if (needs.some((feature) => options.without?.includes(feature))) return
        test(rule, { timeout }, (context) => body(subject(), (reason) => context.skip(reason)))
      },
    }
    contractSuite(suite)
    concurrencySuite(suite)
    if (options.freezes) frozenSuite(suite)
    if (options.streams) streamSuite(suite)
    if (options.capabilities !== undefined) presenceOfCapabilities(suite, options.capabilities)
    if (options.capabilities === false) return
    capabilitySuite(suite)
    listSuite(suite)
    messageSuite(suite)
  })
}
