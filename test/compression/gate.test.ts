import { describe, expect, test } from 'vitest'
import { Gate } from '../../src/core/compression/gate.ts'

describe('a gate', () => {
  test('lets so many in at once, and the others in the order in which they came', () => {
    const gate = new Gate(2)
    const entered: number[] = []
    for (let i = 0; i < 5; i++) gate.enter(() => entered.push(i))
    expect(entered).toEqual([0, 1])
    gate.leave()
    expect(entered).toEqual([0, 1, 2])
    gate.leave()
    gate.leave()
    expect(entered).toEqual([0, 1, 2, 3, 4])
  })

  test('has its places back when all have left', () => {
    const gate = new Gate(2)
    for (let round = 0; round < 3; round++) {
      let entered = 0
      for (let i = 0; i < 5; i++) gate.enter(() => entered++)
      for (let i = 0; i < 5; i++) gate.leave()
      expect(entered).toBe(5)
    }
  })

  test('is not overrun by those who come while another leaves', () => {
    const gate = new Gate(1)
    let running = 0
    let most = 0
    const work = (then: () => void) => () => {
      most = Math.max(most, ++running)
      then()
    }
    const leave = (): void => {
      running--
      gate.leave()
    }
    gate.enter(work(() => {}))
    gate.enter(
      work(() => {
        gate.enter(work(() => {}))
        leave()
      }),
    )
    leave()
    expect([running, most]).toEqual([1, 1])
  })

  test('is left by thousands who give up together, each as soon as it has entered', () => {
    const gate = new Gate(3)
    for (let i = 0; i < 3; i++) gate.enter(() => {})
    let given = 0
    for (let i = 0; i < 50_000; i++) {
      gate.enter(() => {
        given++
        gate.leave()
      })
    }
    gate.leave()
    expect(given).toBe(50_000)
  })
})
