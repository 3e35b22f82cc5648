/** What is measured: one way to keep a body in a server and to read it again. */
export interface Contender {
  readonly name: string
  set(key: string, body: Buffer): Promise<unknown>
  get(key: string): Promise<Buffer | undefined>
  close(): Promise<unknown>
}

/** A server and the ways to use it: first the raw client, then our store, then others such as keyv's adapter. */
export interface StoreBench {
  readonly name: string
  /** How much more CPU than the raw client our store may take, by bytes of the body. */
  readonly bars: Readonly<Record<number, number>>
  start(): Promise<{ readonly contenders: readonly [Contender, ...Contender[]]; stop(): Promise<void> }>
}
