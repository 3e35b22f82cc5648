import assert from 'node:assert/strict'
import type { ListCapabilities, StoreCapabilities } from '../core/store/capabilities.ts'
import type { Store } from '../core/store/store.ts'
import { withAnother } from './concurrency.ts'
import { itemOf, minute, newKey } from './items.ts'
import type { StoreSubject, Suite } from './subject.ts'
import { atOnce, eventually } from './waiting.ts'

const callers = 100

/** What a store with lists does. */
export function listSuite(suite: Suite): void {
  const rule = (name: string, body: (own: ListCapabilities, subject: StoreSubject) => Promise<void>): void =>
    suite.rule(
      name,
      (subject, skip) => {
        const own = subject.store.capabilities
        return hasLists(own) ? body(own, subject) : skip('no lists')
      },
      ['capabilities', 'lists'],
    )

  rule('a list that nobody added to is empty', async (own) => {
    assert.deepEqual(await own.slice(newKey(), 0), [])
    assert.deepEqual(await own.slice(newKey(), 5), [])
  })

  rule('append tells the length, slice gives the values from an index on', async (own) => {
    const key = newKey()
    const values = [itemOf(0).body, itemOf(256).body, Buffer.from('same'), Buffer.from('same'), itemOf(20_000).body]
    for (const [index, value] of values.entries()) assert.equal(await own.append(key, value, minute), index + 1)
    for (let from = 0; from <= values.length + 1; from++) {
      const found = await own.slice(key, from)
      assert.equal(found.length, Math.max(0, values.length - from))
      found.forEach((value, index) => assert.ok(value.equals(values[from + index] as Buffer), 'a value as it was'))
    }
  })

  rule('100 callers that append at once each get a place, and that is where their value is', async (_, subject) => {
    await withAnother(subject, async (other) => {
      const key = newKey()
      const lengths = await atOnce(callers, (index) =>
        listsOf(index % 2 === 0 ? subject.store : other).append(key, Buffer.from(`value ${index}`), minute),
      )
      assert.deepEqual(
        lengths.toSorted((a, b) => a - b),
        Array.from({ length: callers }, (_, index) => index + 1),
      )
      const found = await listsOf(other).slice(key, 0)
      assert.equal(found.length, callers)
      lengths.forEach((length, index) => assert.equal(found[length - 1]?.toString(), `value ${index}`))
    })
  })

  rule('a list ends with its lifetime, which each append starts anew', async (own, { pass }) => {
    const [short, long] = [newKey(), newKey()]
    await own.append(long, Buffer.from('a'), 1000)
    await own.append(long, Buffer.from('b'), minute)
    await own.append(short, Buffer.from('a'), 1000)
    await eventually('a list ends with its lifetime', async () => {
      await pass(1100)
      return (await own.slice(short, 0)).length === 0
    })
    assert.equal(await own.append(short, Buffer.from('c'), minute), 1)
    assert.deepEqual((await own.slice(long, 0)).map(String), ['a', 'b'])
  })
}

function hasLists(own: StoreCapabilities | undefined): own is ListCapabilities {
  return own?.append !== undefined && own.slice !== undefined
}

function listsOf(store: Store): ListCapabilities {
  const own = store.capabilities
  assert.ok(hasLists(own), 'both clients have lists')
  return own
}
