import { inProcess } from './anew.ts'

export interface Memory {
  /** For one breaker of 10,000. */
  readonly bytes: number
  readonly timers: number
}

/** In a process of its own, so that nothing that others left is counted. */
export function memoryOf(name: string): Memory {
  return inProcess('--memory', name)
}
