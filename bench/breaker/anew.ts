import { execFileSync } from 'node:child_process'
import { fileURLToPath } from 'node:url'

const main = fileURLToPath(new URL('main.ts', import.meta.url))

/** What this benchmark, started anew with these arguments, prints. */
export function inProcess<T>(...args: string[]): T {
  return JSON.parse(execFileSync(process.execPath, [main, ...args], { encoding: 'utf8' }))
}
