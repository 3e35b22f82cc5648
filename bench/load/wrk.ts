import { execFile, execFileSync } from 'node:child_process'
import { fileURLToPath } from 'node:url'
import { promisify } from 'node:util'
import { CONNECTIONS, type Generator } from './load.ts'

const run = promisify(execFile)
const UNIQUE = fileURLToPath(new URL('unique.lua', import.meta.url))

export function hasWrk(): boolean {
  try {
    execFileSync('wrk', ['-v'], { stdio: 'ignore' })
    return true
  } catch (error) {
    // It shows its version and usage, and exits with 1.
    return (error as { code?: string }).code !== 'ENOENT'
  }
}

/** wrk with one thread. */
export const wrk: Generator = async ({ port, path, seconds, fields = {}, unique }) => {
  const headers = Object.entries(fields).flatMap(([name, value]) => ['-H', `${name}: ${value}`])
  const script = unique === undefined ? [] : ['-s', UNIQUE]
  const { stdout } = await run('wrk', [
    ...['-t1', `-c${CONNECTIONS}`, `-d${seconds}s`, ...headers, ...script, `http://127.0.0.1:${port}${path}`],
    ...(unique === undefined ? [] : ['--', unique]),
  ])
  if (/Non-2xx|Socket errors/.test(stdout)) throw new Error(`The load was not answered as it should:\n${stdout}`)
  const answers = /(\d+) requests in/.exec(stdout)?.[1]
  if (answers === undefined) throw new Error(`wrk said something else:\n${stdout}`)
  return Number(answers)
}
