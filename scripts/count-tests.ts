/** Prints the count of a Vitest JSON report as one line; exits with 1 unless tests ran, and every one of them passed. */
import { readFileSync } from 'node:fs'

interface Report {
  readonly success: boolean
  readonly testResults: readonly {
    readonly status: string
    readonly assertionResults: readonly { readonly status: string }[]
  }[]
}

const [path] = process.argv.slice(2)
if (path === undefined) throw new TypeError('Usage: count-tests.ts <report.json>')

const report: Report = JSON.parse(readFileSync(path, 'utf8'))
const statuses = report.testResults.flatMap((file) => file.assertionResults.map((test) => test.status))
const passed = statuses.filter((status) => status === 'passed').length
// A file that failed before or beside its tests (an import, a hook) counts as one failure.
const brokenFiles = report.testResults.filter(
  (file) => file.status === 'failed' && !file.assertionResults.some((test) => test.status === 'failed'),
).length
const failed = statuses.filter((status) => status === 'failed').length + brokenFiles
// Pending, skipped, todo, disabled: whatever did not run.
const skipped = statuses.length + brokenFiles - passed - failed

console.log(`${passed} passed, ${failed} failed, ${skipped} skipped`)
process.exitCode = report.success && passed > 0 && failed === 0 && skipped === 0 ? 0 : 1
