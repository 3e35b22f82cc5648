/** A program that has some terms computed by a worker, and then nothing to do. */
import { workerPool } from 'breakwater/workers'
import { keepTerms } from '../../src/core/sequence/keep-terms.ts'
import { sequence } from './modules/squares.ts'

const source = keepTerms(sequence, { pool: workerPool({ threshold: 0 }) })
let count = 0
for await (const { texts } of source.read(0, 500, new AbortController().signal)) count += texts.length
console.log(count)
