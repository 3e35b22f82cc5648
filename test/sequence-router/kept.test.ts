import { defineSequence, memoryStore } from 'breakwater'
import { describe, expect, test } from 'vitest'
import { type Framework, frameworks, startSubject } from './subjects.ts'

/** Primes' way: no term without all before it. */
function odd() {
  let computed = 0
  const sequence = defineSequence<number>({
    id: 'odd',
    start: () => 1,
    next: (n) => {
      computed++
      return n + 2
    },
  })
  return { sequence, computed: () => computed }
}

describe.each(frameworks.map((framework) => [framework.name, framework] as const))('%s', (_, framework: Framework) => {
  test('terms that were computed are kept, and another server on the same store goes on from them', async () => {
    const store = memoryStore()
    const [first, second] = [odd(), odd()]
    const one = await startSubject(framework, { router: { sequence: first.sequence, store, blockSize: 10 } })
    const two = await startSubject(framework, { router: { sequence: second.sequence, store, blockSize: 10 } })
    const a = await one.get('/terms?start=100&limit=50')
    const b = await two.get('/terms?start=100&limit=50')
    expect(b.body).toBe(a.body)
    expect(JSON.parse(b.body).terms[0]).toBe(201)
    expect(second.computed()).toBe(0)
    await two.get('/terms?start=150&limit=10')
    expect(second.computed()).toBe(10)
  })

  test('readers at the same time share one computation', async () => {
    const { sequence, computed } = odd()
    const { get } = await startSubject(framework, { router: { sequence, blockSize: 100 } })
    const answers = await Promise.all(Array.from({ length: 100 }, () => get('/terms?start=0&limit=1000')))
    expect(new Set(answers.map(({ body }) => body)).size).toBe(1)
    expect(computed()).toBe(999)
  })
})
