import type { Store } from '../core/store/store.ts'

/** A store that the suite tries, and what it needs to do so. */
export interface StoreSubject {
  readonly store: Store
  /** Lets so much time pass for the store: moves the clock it was given, or waits. */
  pass(ms: number): void | Promise<void>
  /** Called once, when the last test is over. */
  close?(): void | Promise<void>
  /** Ends what the store stands on, such as a server, and starts it again; resolves when it is back. */
  restart?(): void | Promise<void>
  /** Makes what the store stands on silent, its connections open; resolves with what lets it go on, once nothing answers. */
  freeze?(): Promise<() => void | Promise<void>>
  /** A second store on the same place, with connections of its own, as another process would have it. */
  another?(): AnotherStore | Promise<AnotherStore>
}

export interface AnotherStore {
  readonly store: Store
  /** Called when the test that asked for it is over. */
  close?(): void | Promise<void>
}

/** What a test is called with, in Vitest and in node:test. */
export interface SuiteContext {
  skip(reason: string): void
}

export interface StoreSuiteOptions {
  /** The runner's `describe`. */
  readonly describe: (name: string, body: () => void) => unknown
  /** The runner's `test`. */
  readonly test: (
    name: string,
    options: { timeout: number },
    body: (context: SuiteContext) => void | Promise<void>,
  ) => unknown
  /** The runner's `beforeAll`; in node:test it is `before`. */
  readonly beforeAll: (body: () => Promise<void>) => unknown
  /** The runner's `afterAll`; in node:test it is `after`. */
  readonly afterAll: (body: () => Promise<void>) => unknown
  /** Makes the store that all tests share. */
  readonly create: () => StoreSubject | Promise<StoreSubject>
  /** What the tests stand under. Default `store`. */
  readonly name?: string | undefined
  /** Bytes of the largest body that is tried. Default 64 MiB, or the store's `maxEntrySize` where that is less. */
  readonly largest?: number | undefined
  /**
   * false for a store without capabilities: their tests are left out. true: it fails where the store has none.
   * Default: tested where there are some, skipped where there are none.
   */
  readonly capabilities?: boolean | undefined
  /** true for a store with `streams`: they are tried. Default false. */
  readonly streams?: boolean | undefined
  /** true for a subject with `freeze`: what becomes of a store that is not answered is tried. Default false. */
  readonly freezes?: boolean | undefined
  /** What the store, or its subject, is known not to have: the tests of it are left out instead of skipped. */
  readonly without?: readonly StoreFeature[] | undefined
  /** Milliseconds for one test. Default 30,000. */
  readonly timeout?: number | undefined
}

/** What a store or its subject need not have. `lists` and `channels` are capabilities. */
export type StoreFeature = 'capabilities' | 'lists' | 'channels' | 'another' | 'restart'

/** How the parts of the suite define a test. */
export interface Suite {
  readonly largest: number
  subject(): StoreSubject
  /** `needs`: what it cannot be tried without. */
  rule(
    name: string,
    body: (subject: StoreSubject, skip: (reason: string) => void) => void | Promise<void>,
    needs?: readonly StoreFeature[],
  ): void
}
