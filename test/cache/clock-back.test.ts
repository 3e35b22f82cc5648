import { expect, test } from 'vitest'
import { engine, exchange, fate } from '../support/engine.ts'

const fresh = { headers: { 'cache-control': 'max-age=60' } }

test.each([
  [-30, 'hit'],
  [-3600, 'miss'],
])('a clock set back by %i s: %s, for an entry from the future has no age', (seconds, kind) => {
  const { mount, clock } = engine()
  exchange(mount, {}, fresh)
  clock.pass(seconds)
  expect(fate(mount)).toBe(kind)
})
