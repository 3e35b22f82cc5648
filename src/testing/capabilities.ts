import assert from 'node:assert/strict'
import type { StoreCapabilities } from '../core/store/capabilities.ts'
import type { Store } from '../core/store/store.ts'
import { withAnother } from './concurrency.ts'
import { itemOf, keys, minute, newKey } from './items.ts'
import type { StoreSubject, Suite } from './subject.ts'
import { atOnce, eventually } from './waiting.ts'

const one = Buffer.from('one')
const two = Buffer.from('two')
const callers = 100

/** Values that a store of text, or one that compares loosely, takes for one another. */
const alike: readonly (readonly [what: string, a: Buffer, b: Buffer])[] = [
  ['case', Buffer.from('value'), Buffer.from('Value')],
  ['a space at the end', Buffer.from('value'), Buffer.from('value ')],
  ['a zero byte at the end', Buffer.from('value'), Buffer.from('value\0')],
  ['what follows a zero byte', Buffer.from('a\0b'), Buffer.from('a\0c')],
  ['bytes that are not UTF-8', Buffer.from([0xff, 0xfe]), Buffer.from([0xff, 0xfd])],
  ['one being a number with a zero in front', Buffer.from('7'), Buffer.from('07')],
  ['one being empty', Buffer.alloc(0), Buffer.from([0])],
]

/** What a store with capabilities does in one step. */
export function capabilitySuite(suite: Suite): void {
  const rule = (name: string, body: (own: StoreCapabilities, subject: StoreSubject) => void | Promise<void>): void =>
    suite.rule(
      name,
      (subject, skip) => {
        const own = subject.store.capabilities
        return own === undefined ? skip('no capabilities') : body(own, subject)
      },
      ['capabilities'],
    )
  inTurn(rule)
  atTheSameTime(rule)
}

type Rule = (name: string, body: (own: StoreCapabilities, subject: StoreSubject) => void | Promise<void>) => void

export function presenceOfCapabilities({ rule }: Suite, expected: boolean): void {
  rule(expected ? 'has capabilities' : 'has no capabilities', ({ store }) => {
    assert.equal(store.capabilities !== undefined, expected)
  })
}

function inTurn(rule: Rule): void {
  rule('says who shares it', ({ scope }) => {
    assert.ok(['process', 'host', 'cluster'].includes(scope))
  })

  rule('setIfAbsent writes where there is nothing, and only there', async (own) => {
    const key = newKey()
    assert.equal(await own.read(key), undefined)
    assert.equal(await own.setIfAbsent(key, one, minute), true)
    assert.equal(await own.setIfAbsent(key, two, minute), false)
    holds(await own.read(key), one)
  })

  rule('reads any bytes as they were written', async (own) => {
    for (const { body } of [itemOf(0), itemOf(1), itemOf(256), itemOf(100_000)]) {
      const key = newKey()
      assert.equal(await own.setIfAbsent(key, body, minute), true)
      holds(await own.read(key), body)
      assert.equal(await own.setIfAbsent(key, one, minute), false)
    }
  })

  rule('compareAndSwap writes where what is there is what was expected, and only there', async (own) => {
    const key = newKey()
    assert.equal(await own.compareAndSwap(key, one, two, minute), false)
    assert.equal(await own.read(key), undefined)
    await own.setIfAbsent(key, one, minute)
    assert.equal(await own.compareAndSwap(key, two, one, minute), false)
    holds(await own.read(key), one)
    assert.equal(await own.compareAndSwap(key, one, two, minute), true)
    holds(await own.read(key), two)
    assert.equal(await own.compareAndSwap(key, two, two, minute), true)
    holds(await own.read(key), two)
  })

  rule('compareAndSwap to nothing removes, if what is there is what was expected', async (own) => {
    const key = newKey()
    assert.equal(await own.compareAndSwap(key, one, undefined, minute), false)
    await own.setIfAbsent(key, one, minute)
    assert.equal(await own.compareAndSwap(key, two, undefined, minute), false)
    holds(await own.read(key), one)
    assert.equal(await own.compareAndSwap(key, one, undefined, minute), true)
    assert.equal(await own.read(key), undefined)
    assert.equal(await own.setIfAbsent(key, two, minute), true)
  })

  for (const [what, a, b] of alike) {
    rule(`compareAndSwap tells values apart that differ in ${what}`, async (own) => {
      const key = newKey()
      await own.setIfAbsent(key, a, minute)
      assert.equal(await own.compareAndSwap(key, b, one, minute), false)
      assert.equal(await own.compareAndSwap(key, a, b, minute), true)
      assert.equal(await own.compareAndSwap(key, a, one, minute), false)
      assert.equal(await own.compareAndSwap(key, b, one, minute), true)
    })
  }

  rule('increment counts up and down from 0, beyond 32 bits', async (own) => {
    const key = newKey()
    assert.equal(await own.increment(key, 5, minute), 5)
    assert.equal(await own.increment(key, -2, minute), 3)
    assert.equal(await own.increment(key, 0, minute), 3)
    assert.equal(await own.increment(key, -10, minute), -7)
    assert.equal(await own.increment(key, 2 ** 50, minute), 2 ** 50 - 7)
  })

  for (const [description, name] of keys) {
    rule(`capabilities take a key ${description}`, async (own) => {
      const key = `${name}${newKey()}`
      const other = `${key}x`
      assert.equal(await own.setIfAbsent(key, one, minute), true)
      assert.equal(await own.setIfAbsent(other, two, minute), true)
      holds(await own.read(key), one)
      holds(await own.read(other), two)
    })
  }

  rule('keys of capabilities are apart from those of items', async (own, { store }) => {
    const key = newKey()
    await store.set(key, itemOf(3, { item: true }), minute)
    assert.equal(await own.setIfAbsent(key, one, minute), true)
    assert.deepEqual((await store.get(key))?.meta, { item: true })
    await store.delete(key)
    holds(await own.read(key), one)
  })

  rule('what was written ends with its lifetime, and a call that writes starts it anew', async (own, { pass }) => {
    const [short, swapped, counted, long, longCounted] = [newKey(), newKey(), newKey(), newKey(), newKey()]
    await own.setIfAbsent(long, one, 1000)
    await own.compareAndSwap(long, one, two, minute)
    await own.increment(longCounted, 1, 1000)
    await own.increment(longCounted, 1, minute)
    await own.setIfAbsent(swapped, one, minute)
    await own.compareAndSwap(swapped, one, two, 1000)
    await own.increment(counted, 1, 1000)
    assert.equal(await own.setIfAbsent(short, one, 1000), true)
    holds(await own.read(short), one)
    // Some servers count time in seconds.
    await eventually('values end with their lifetime', async () => {
      await pass(1100)
      return (await own.read(short)) === undefined && (await own.read(swapped)) === undefined
    })
    assert.equal(await own.setIfAbsent(short, two, minute), true)
    assert.equal(await own.compareAndSwap(swapped, two, one, minute), false)
    assert.equal(await own.increment(counted, 1, minute), 1)
    holds(await own.read(long), two)
    assert.equal(await own.increment(longCounted, 1, minute), 3)
  })

  rule('capabilities take a lifetime of Infinity', async (own) => {
    const key = newKey()
    assert.equal(await own.setIfAbsent(key, one, Infinity), true)
    assert.equal(await own.compareAndSwap(key, one, two, Infinity), true)
    holds(await own.read(key), two)
    assert.equal(await own.increment(newKey(), 1, Infinity), 1)
  })
}

function atTheSameTime(rule: Rule): void {
  rule('of 100 callers at once, one sets what was absent', async (_, subject) => {
    await withAnother(subject, async (other) => {
      const key = newKey()
      const won = await atOnce(callers, (index) =>
        of(subject.store, other, index).setIfAbsent(key, Buffer.from(`caller ${index}`), minute),
      )
      assert.equal(won.filter(Boolean).length, 1)
      holds(await of(subject.store, other, 0).read(key), Buffer.from(`caller ${won.indexOf(true)}`))
    })
  })

  rule('of 100 callers at once that expect the same, one swaps', async (_, subject) => {
    await withAnother(subject, async (other) => {
      const key = newKey()
      await of(subject.store, other, 0).setIfAbsent(key, one, minute)
      const won = await atOnce(callers, (index) =>
        of(subject.store, other, index).compareAndSwap(key, one, Buffer.from(`caller ${index}`), minute),
      )
      assert.equal(won.filter(Boolean).length, 1)
      holds(await of(subject.store, other, 0).read(key), Buffer.from(`caller ${won.indexOf(true)}`))
    })
  })

  rule('of 100 callers at once that expect the same, one removes', async (_, subject) => {
    await withAnother(subject, async (other) => {
      const key = newKey()
      await of(subject.store, other, 0).setIfAbsent(key, one, minute)
      const won = await atOnce(callers, (index) =>
        of(subject.store, other, index).compareAndSwap(key, one, undefined, minute),
      )
      assert.equal(won.filter(Boolean).length, 1)
      assert.equal(await of(subject.store, other, 0).read(key), undefined)
    })
  })

  rule('100 callers that increment at once are each told a sum of their own, and none is lost', async (_, subject) => {
    await withAnother(subject, async (other) => {
      const key = newKey()
      const sums = await atOnce(callers, (index) => of(subject.store, other, index).increment(key, 1, minute))
      assert.deepEqual(
        sums.toSorted((a, b) => a - b),
        Array.from({ length: callers }, (_, index) => index + 1),
      )
      assert.equal(await of(subject.store, other, 0).increment(key, 7, minute), callers + 7)
    })
  })

  rule('callers that take a lock of compareAndSwap are alone with it', async (_, subject) => {
    await withAnother(subject, async (other) => {
      const key = newKey()
      let inside = 0
      await atOnce(10, async (index) => {
        const own = of(subject.store, other, index)
        const token = Buffer.from(`holder ${index}`)
        await eventually('the lock is free', () => own.setIfAbsent(key, token, minute))
        assert.equal(++inside, 1)
        holds(await own.read(key), token)
        assert.equal(--inside, 0)
        assert.equal(await own.compareAndSwap(key, token, undefined, minute), true)
      })
    })
  })
}

/** The capabilities of one of two clients. */
function of(store: Store, other: Store, index: number): StoreCapabilities {
  const own = (index % 2 === 0 ? store : other).capabilities
  assert.ok(own, 'both clients have capabilities')
  return own
}

function holds(found: Buffer | undefined, expected: Buffer): void {
  assert.ok(Buffer.isBuffer(found), 'there is a value, and it is a Buffer')
  assert.ok(found.equals(expected), 'the value has the bytes that were written')
}
