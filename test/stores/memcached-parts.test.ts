import { randomBytes } from 'node:crypto'
import { describe, expect, test } from 'vitest'
import { type Answer, AnswerReader } from '../../src/adapters/stores/memcached-answers.ts'
import { rendezvous } from '../../src/adapters/stores/memcached-hashing.ts'

describe('answers of memcached', () => {
  const value = Buffer.concat([Buffer.from('\r\nEND\r\nVALUE '), randomBytes(200), Buffer.from([0, 0xff, 13, 10])])
  const said = Buffer.concat([
    Buffer.from(`STORED\r\nVALUE k 0 ${value.length} 17\r\n`),
    value,
    Buffer.from('\r\nEND\r\nVALUE e 0 0\r\n\r\nEND\r\nNOT_FOUND\r\n'),
  ])
  const expected: Answer[] = [
    { line: 'STORED', value: undefined, cas: undefined },
    { line: 'END', value, cas: '17' },
    { line: 'END', value: Buffer.alloc(0), cas: undefined },
    { line: 'NOT_FOUND', value: undefined, cas: undefined },
  ]

  test.each([1, 2, 3, 7, 64, 10_000])('are the same in pieces of %i bytes', (size) => {
    const answers: Answer[] = []
    const reader = new AnswerReader((answer) => answers.push(answer))
    for (let at = 0; at < said.length; at += size) reader.read(said.subarray(at, at + size))
    expect(answers).toEqual(expected)
  })

  test.each(['VALUE k 0 3\r\nabcdeEND\r\n', 'VALUE k 0 -1\r\n', 'VALUE k\r\n', 'x'.repeat(3_000)])(
    'cannot be %j',
    (text) => {
      expect(() => new AnswerReader(() => {}).read(Buffer.from(text))).toThrow(/does not speak the protocol/)
    },
  )
})

describe('the place of a key', () => {
  const keys = Array.from({ length: 6_000 }, () => `bw:{${randomBytes(32).toString('base64url')}}`)
  const names = ['10.0.0.1:11211', '10.0.0.2:11211', '10.0.0.3:11211']
  const placesOf = (all: string[]) => keys.map(rendezvous(all, (name) => name))

  test('is each of three for a third of the keys, within a tenth', () => {
    const places = placesOf(names)
    for (const name of names) {
      const share = places.filter((place) => place === name).length
      expect(share).toBeGreaterThan(1_800)
      expect(share).toBeLessThan(2_200)
    }
  })

  test('does not depend on the order in which they are named', () => {
    expect(placesOf(names.toReversed())).toEqual(placesOf(names))
  })

  test('changes for none but the keys of a place that was taken away', () => {
    const before = placesOf(names)
    const after = placesOf(names.slice(0, 2))
    before.forEach((place, index) => {
      if (place !== names[2]) expect(after[index]).toBe(place)
    })
  })

  test('is one for all chunks of a body', () => {
    const placeOf = rendezvous(names, (name) => name)
    for (const key of keys.slice(0, 50)) {
      expect(new Set([key, `${key}:0`, `${key}:1`, `${key}:127`].map(placeOf)).size).toBe(1)
    }
  })
})
