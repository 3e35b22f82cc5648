/** A store of ours as an adapter for Keyv. */
import keyvTestSuite from '@keyv/test-suite'
import { Keyv } from 'keyv'
import * as Vitest from 'vitest'
import { afterEach, describe } from 'vitest'
import type { RemoteStore } from '../../src/core/store/remote.ts'

/** Runs the test suite of Keyv 5 on the stores that `open` makes on one place, and closes them. */
export function describeAsAdapter(name: string, open: () => RemoteStore): void {
  describe(`${name} as an adapter passes the test suite of Keyv`, () => {
    const opened: RemoteStore[] = []
    afterEach(async () => {
      await Promise.all(opened.splice(0).map((store) => store.close()))
    })

    // Its tests of iterator() do not apply: keys are stored as hashes.
    keyvTestSuite(Vitest as never, Keyv, () => {
      const store = open()
      opened.push(store)
      return store
    })
  })
}
