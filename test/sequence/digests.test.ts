import { execFile } from 'node:child_process'
import { createHash } from 'node:crypto'
import { promisify } from 'node:util'
import { expect, test } from 'vitest'
import { fibonacci } from '../../src/index.ts'
import { textsOf } from './texts.ts'

const run = promisify(execFile)

/** The digest of the digits of F(n), by a program that has nothing of ours. */
async function digestBy(method: string, n: number): Promise<string> {
  const program = `${method}
    console.log(require('node:crypto').createHash('sha256').update(f(${n}).toString()).digest('hex'))`
  return (await run(process.execPath, ['-e', program])).stdout.trim()
}

/** One addition for each term. */
const addition = `function f(n) {
  let [a, b] = [0n, 1n]
  for (let i = 0; i < n; i++) [a, b] = [b, a + b]
  return a
}`

/** [[1, 1], [1, 0]] to the power of n, as in a textbook. */
const matrixPower = `function f(n) {
  const times = ([a, b, c, d], [e, f, g, h]) => [a * e + b * g, a * f + b * h, c * e + d * g, c * f + d * h]
  const power = (m, n) => {
    if (n === 0) return [1n, 0n, 0n, 1n]
    const half = power(m, n >> 1)
    return n % 2 === 0 ? times(half, half) : times(times(half, half), m)
  }
  return power([1n, 1n, 1n, 0n], n)[1]
}`

/** What `addition` prints for 10^6; it takes most of a minute. */
const millionth = 'aef6e8c19df607aa07940f2abde8460d1b34c18df1a6f46b5fc04dfe9be51706'

async function digestOf(n: number, start: number): Promise<string> {
  const text = (await textsOf(fibonacci, { start, count: n - start + 1 })).at(-1)!
  return createHash('sha256').update(JSON.parse(text)).digest('hex')
}

test('F(10^5) has the digits that adding all before it gives, jumped to and added to', async () => {
  const expected = await digestBy(addition, 1e5)
  expect(await digestOf(1e5, 1e5)).toBe(expected)
  expect(await digestOf(1e5, 1e5 - 100)).toBe(expected)
})

test('F(10^6) has the digits of a matrix power, jumped to and added to', async () => {
  expect(await digestBy(matrixPower, 1e6)).toBe(millionth)
  expect(await digestOf(1e6, 1e6)).toBe(millionth)
  expect(await digestOf(1e6, 1e6 - 20)).toBe(millionth)
})
