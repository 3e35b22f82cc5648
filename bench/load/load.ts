/** One run of requests against a server. */
export interface Load {
  readonly port: number
  readonly path: string
  readonly seconds: number
  /** Further request fields. */
  readonly fields?: Readonly<Record<string, string>> | undefined
  /** Every request asks for another path below `path`; the text keeps one run's apart from another's. */
  readonly unique?: string | undefined
}

/** Runs it and resolves with the number of answers. */
export type Generator = (load: Load) => Promise<number>

export const CONNECTIONS = 50
