import { execFileSync } from 'node:child_process'
import { fileURLToPath } from 'node:url'

export interface Memory {
  /** For one breaker of 10,000. */
  readonly bytes: number
  readonly timers: number
}

const main = fileURLToPath(new URL('main.ts', import.meta.url))

/** In a process of its own, so that nothing that others left is counted. */
export function memoryOf(name: string): Memory {
  return JSON.parse(execFileSync(process.execPath, [main, '--memory', name], { encoding: 'utf8' }))
}
