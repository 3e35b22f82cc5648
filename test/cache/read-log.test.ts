import { describe, expect, test } from 'vitest'
import { type ReadKind, ReadLog } from '../../src/core/cache/read-log.ts'

type Read = (fields: Record<string, string | undefined>) => unknown

function log(read: Read, fields: Record<string, string> = {}, ignored?: string[]): ReadLog {
  const reads = new ReadLog(undefined, ignored && new Set(ignored))
  read(reads.watch(fields))
  return reads
}

describe('a read log notes', () => {
  test.each<[string, Read, string[]]>([
    ['a read by name', (fields) => fields['x-a'], ['x-a']],
    ['a read of what is absent', (fields) => fields['x-b'], ['x-b']],
    ['in', (fields) => 'x-a' in fields, ['x-a']],
    ['hasOwn', (fields) => Object.hasOwn(fields, 'x-a'), ['x-a']],
    ['hasOwnProperty', (fields) => Object.hasOwn(fields, 'x-b'), ['x-b']],
    ['destructuring', ({ 'x-a': a }) => a, ['x-a']],
    ['nothing for toString', (fields) => String(fields), []],
    ['nothing for constructor', (fields) => fields.constructor, []],
    ['nothing for symbols', (fields) => (fields as never)[Symbol.iterator], []],
    ['nothing for Host', (fields) => fields.host, []],
    ['nothing for conditions', (fields) => [fields['if-none-match'], fields.range, fields['cache-control']], []],
    ['nothing for tracing ids', (fields) => fields.traceparent, []],
    ['the type of a content that is not there', (fields) => fields['content-type'], ['content-type']],
  ])('%s', (_, read, names) => {
    const reads = log(read, { 'x-a': '1' })
    expect([...reads.names]).toEqual(names)
    expect(reads.copied).toBe(false)
    expect(reads.credentials.size).toBe(0)
  })

  test('Host only where it is not the authority in the key', () => {
    const reads = new ReadLog('a.test')
    void reads.watch({ host: 'a.test' } as Record<string, string>).host
    expect([...reads.names]).toEqual([])
    void reads.watch({ host: 'b.test' } as Record<string, string>).host
    expect([...reads.names]).toEqual(['host'])
  })

  test('a field named as a property of every object', () => {
    expect([...log((fields) => fields.constructor, { constructor: 'x' } as never).names]).toEqual(['constructor'])
  })

  test.each<[string, Read]>([
    ['Object.keys', (fields) => Object.keys(fields)],
    ['Object.entries', (fields) => Object.entries(fields)],
    ['spreading', (fields) => ({ ...fields })],
    ['JSON', (fields) => JSON.stringify(fields)],
    [
      'for in',
      (fields) => {
        for (const name in fields) void fields[name]
      },
    ],
    ['structured copies', (fields) => Object.assign({}, fields)],
  ])('%s as a copy, and excuses each name once', (_, read) => {
    const reads = log(read, { 'x-a': '1', cookie: 'a=b' })
    expect(reads.copied).toBe(true)
    expect([...reads.names]).toEqual([])
    expect(reads.credentials.size).toBe(0)
  })

  test('a second read of an enumerated name in the same tick', () => {
    const reads = log(
      (fields) => {
        Object.keys(fields)
        void fields['x-a']
        void fields['x-a']
      },
      { 'x-a': '1', 'x-b': '2' },
    )
    expect([...reads.names]).toEqual(['x-a'])
  })

  test.each<[string, Read, string[]]>([
    ['the first name', (fields) => fields['x-a'], ['x-a']],
    ['another name', (fields) => fields['x-b'], ['x-b']],
    ['some of the names in order', (fields) => [fields['x-a'], fields['x-b']], ['x-a', 'x-b']],
    ['whether there is one', (fields) => Object.hasOwn(fields, 'x-b'), ['x-b']],
  ])('%s, read alone after an enumeration', (_, read, names) => {
    const all = { 'x-a': '1', 'x-b': '2', 'x-c': '3' }
    expect([...log((fields) => [Object.keys(fields), read(fields)], all).names]).toEqual(names)
  })

  test('a read of an enumerated name in a later tick', async () => {
    const reads = new ReadLog()
    const fields = reads.watch({ 'x-a': '1', cookie: 'a=b' } as Record<string, string>)
    Object.keys(fields)
    await new Promise((resolve) => process.nextTick(resolve))
    void fields['x-a']
    void fields.cookie
    expect([...reads.names]).toEqual(['x-a'])
    expect([...reads.credentials]).toEqual(['cookie'])
  })

  test.each(['cookie', 'authorization', 'proxy-authorization'])('%s as a credential where it is present', (name) => {
    const present = log((fields) => fields[name], { [name]: 'x' })
    expect([...present.credentials]).toEqual([name])
    expect([...present.names]).toEqual([])
    const absent = log((fields) => fields[name])
    expect([...absent.credentials]).toEqual([])
    expect([...absent.names]).toEqual([name])
  })

  test.each(['x-forwarded-for', 'x-real-ip'])('%s as the client’s address only', (name) => {
    const reads = log((fields) => fields[name], { [name]: '1.2.3.4' })
    expect(reads.clientAddress).toBe(true)
    expect(reads.names.size).toBe(0)
  })

  test('nothing that is ignored', () => {
    const reads = log((fields) => [fields['x-a'], fields.cookie], { 'x-a': '1', cookie: 'a=b' }, [
      'x-a',
      'cookie',
      'user',
    ])
    reads.readProperty('user')
    expect(reads.names.size + reads.credentials.size).toBe(0)
  })

  test('nothing while it is suspended, also when that throws', () => {
    const reads = new ReadLog()
    const fields = reads.watch({ cookie: 'a=b' } as Record<string, string>)
    reads.suspend(() => [fields['x-a'], fields.cookie, Object.keys(fields)])
    expect(() =>
      reads.suspend(() => {
        throw new Error('x')
      }),
    ).toThrow('x')
    expect(reads.names.size + reads.credentials.size).toBe(0)
    expect(reads.copied).toBe(false)
    void fields['x-a']
    expect(reads.names.size).toBe(1)
  })

  test('nothing after it is closed', () => {
    const reads = new ReadLog()
    const fields = reads.watch({ cookie: 'a=b' } as Record<string, string>)
    reads.close()
    Object.keys(fields)
    void fields.cookie
    void fields['x-a']
    reads.readProperty('user')
    expect(reads.names.size + reads.credentials.size).toBe(0)
    expect(reads.copied).toBe(false)
  })

  test('properties of the request, until they are forgiven', () => {
    const reads = new ReadLog()
    reads.readProperty('user')
    expect([...reads.credentials]).toEqual(['user'])
    reads.forgive('user')
    expect(reads.credentials.size).toBe(0)
  })

  test('each name once to its listener', () => {
    const told: [string, ReadKind][] = []
    const reads = new ReadLog()
    reads.onRead = (name, kind) => told.push([name, kind])
    const fields = reads.watch({ cookie: 'a=b' } as Record<string, string>)
    for (let i = 0; i < 2; i++) void [fields['x-a'], fields.cookie, reads.readAbsence('user')]
    expect(told).toEqual([
      ['x-a', 'field'],
      ['cookie', 'credential'],
      ['user', 'absence'],
    ])
  })

  test('what is written to the fields without a word', () => {
    const reads = new ReadLog()
    const fields = reads.watch({} as Record<string, string>)
    fields['x-a'] = '1'
    expect(fields['x-a']).toBe('1')
  })
})
