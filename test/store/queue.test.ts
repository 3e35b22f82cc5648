import fc from 'fast-check'
import { expect, test } from 'vitest'
import { Queue, Slot } from '../../src/core/store/eviction/queue.ts'
import { itemOf } from './items.ts'

const empty = itemOf(0)

/** The slots of a queue, newest first, after a look at its links in both directions. */
function content(queue: Queue): Slot[] {
  const slots: Slot[] = []
  for (let slot = queue.newest; slot !== undefined; slot = slot.older) slots.push(slot)
  const back: Slot[] = []
  for (let slot = queue.oldest; slot !== undefined; slot = slot.newer) back.unshift(slot)
  expect(back).toEqual(slots)
  expect(slots.every((slot) => slot.queue === queue)).toBe(true)
  return slots
}

test('a queue is a list: newest first, in any order of pushing, removing and weighing', () => {
  const step = fc.record({ slot: fc.nat(7), weight: fc.nat(100), reweigh: fc.boolean() })
  fc.assert(
    fc.property(fc.array(step, { maxLength: 60 }), (steps) => {
      const slots = Array.from({ length: 8 }, (_, i) => new Slot(`key ${i}`, empty, 1, 0))
      const queue = new Queue()
      let model: Slot[] = []
      for (const { slot: index, weight, reweigh } of steps) {
        const slot = slots[index]!
        if (reweigh) slot.reweigh(weight)
        else if (model.includes(slot)) {
          queue.remove(slot)
          model = model.filter((other) => other !== slot)
          expect(slot.queue).toBeUndefined()
        } else {
          queue.push(slot)
          model = [slot, ...model]
        }
        expect(content(queue).map(({ key }) => key)).toEqual(model.map(({ key }) => key))
        expect(queue.length).toBe(model.length)
        expect(queue.weight).toBe(model.reduce((sum, slot) => sum + slot.weight, 0))
      }
    }),
  )
})
