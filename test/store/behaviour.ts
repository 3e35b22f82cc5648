import { afterAll, beforeAll, describe, test } from 'vitest'
import { type StoreSubject, type StoreSuiteOptions, storeSuite } from '../../src/testing/index.ts'

export type Subject = StoreSubject

/** What every store does, near or far: the public suite, in Vitest. */
export function describeStore(
  name: string,
  create: () => Subject | Promise<Subject>,
  options: Pick<StoreSuiteOptions, 'largest' | 'capabilities' | 'streams' | 'freezes' | 'without' | 'timeout'> = {},
): void {
  storeSuite({ describe, test, beforeAll, afterAll, name, create, ...options })
}
