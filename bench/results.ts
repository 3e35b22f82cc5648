import type { KeysResult } from './keys.ts'
import type { Effort, Figures, ServerScenario } from './servers.ts'

export interface Results {
  readonly effort: Effort
  readonly generator: string
  readonly hits: readonly { readonly scenario: ServerScenario; readonly figures: Figures }[]
  readonly miss: Figures
  readonly clients: Figures
  /** How often the handler ran, by subject. */
  readonly stampede: ReadonlyMap<string, number>
  readonly keys: KeysResult
}
