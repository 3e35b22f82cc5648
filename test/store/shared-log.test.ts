import { describe, expect, test, vi } from 'vitest'
import type { ListCapabilities } from '../../src/core/store/capabilities.ts'
import { withLists } from '../../src/core/store/lists.ts'
import { SharedLog } from '../../src/core/store/shared-log.ts'

/** Values in a Map behind promises; `lose` forgets what a server that is short of memory might. */
class Values {
  readonly kept = new Map<string, Buffer>()
  readonly capabilities: ListCapabilities = withLists({
    scope: 'process',
    read: async (key) => this.kept.get(key),
    increment: async () => 0,
    setIfAbsent: async (key, value) => !this.kept.has(key) && Boolean(this.kept.set(key, value)),
    compareAndSwap: async (key, expected, next) => {
      if (!this.kept.get(key)?.equals(expected)) return false
      if (next === undefined) this.kept.delete(key)
      else this.kept.set(key, next)
      return true
    },
  })

  lose(part: (key: string) => boolean): void {
    for (const key of this.kept.keys()) if (part(key)) this.kept.delete(key)
  }
}

const open = (values: Values): SharedLog => new SharedLog(values.capabilities, 'test')
const text = (log: SharedLog) => log.read().then(({ records }) => records.map(({ value }) => value.toString()))
const fill = async (log: SharedLog, count: number, from = 0): Promise<void> => {
  for (let i = 0; i < count; i++) await log.append(Buffer.from(String(from + i)))
}

describe('a shared log', () => {
  test('is read on from where each reader was', async () => {
    const values = new Values()
    const [one, other] = [open(values), open(values)]
    await fill(one, 3)
    expect(await text(other)).toEqual(['0', '1', '2'])
    await fill(other, 2, 3)
    expect(await text(other)).toEqual(['3', '4'])
    expect(await text(one)).toEqual(['0', '1', '2', '3', '4'])
    expect(await text(one)).toEqual([])
  })

  test('numbers records in order, the same for all readers', async () => {
    const values = new Values()
    const [one, other] = [open(values), open(values)]
    await fill(one, 300)
    const [read, alsoRead] = [await one.read(), await other.read()]
    const numbers = read.records.map(({ sequence }) => sequence)
    expect(numbers).toEqual([...numbers].sort((a, b) => a - b))
    expect(new Set(numbers).size).toBe(300)
    expect(alsoRead).toEqual(read)
    expect(read.latest).toBe(numbers.at(-1))
    expect(read.floor).toBeLessThan(numbers[0] as number)
  })

  test('loses nothing of what 8 writers add at the same time', async () => {
    const values = new Values()
    await Promise.all(Array.from({ length: 8 }, (_, writer) => fill(open(values), 50, writer * 50)))
    const all = await text(open(values))
    expect(all.map(Number).sort((a, b) => a - b)).toEqual(Array.from({ length: 400 }, (_, i) => i))
  })

  test('drops the oldest of more than 10,240 records, and says so to who has not read them', async () => {
    const values = new Values()
    const [writer, idle] = [open(values), open(values)]
    await writer.append(Buffer.from('first'))
    const { latest } = await idle.read()
    await fill(writer, 10_500)
    const late = await idle.read()
    expect(late.floor).toBeGreaterThan(latest)
    expect(late.records.length).toBeLessThanOrEqual(10_240)
    expect(late.records.at(-1)?.value.toString()).toBe('10499')
  }, 30_000)

  test('that the store has lost is followed by another for all', async () => {
    const values = new Values()
    const [one, other] = [open(values), open(values)]
    await fill(one, 5)
    const before = await one.read()
    await other.read()
    values.lose(() => true)
    await other.append(Buffer.from('new'))
    const after = await one.read()
    expect(after.records.map(({ value }) => value.toString())).toEqual(['new'])
    expect(after.log).not.toBe(before.log)
    for (const reader of [other, open(values)]) expect((await reader.read()).log).toBe(after.log)
  })

  test('of which a part was lost is not gone on with by who knows nothing of that', async () => {
    const values = new Values()
    const one = open(values)
    await fill(one, 5)
    const { log, latest } = await one.read()
    values.lose((key) => key !== 'log test')
    await open(values).append(Buffer.from('after'))
    const { records, ...news } = await open(values).read()
    expect(news).toMatchObject({ log, floor: expect.any(Number) })
    expect(news.floor).toBeGreaterThanOrEqual(latest)
    expect(records.map(({ value }) => value.toString())).toEqual(['after'])
  })

  test('a reading that another has overtaken takes nothing back', async () => {
    const values = new Values()
    const reader = open(values)
    await fill(open(values), 2)
    const { slice } = values.capabilities
    let answer = (): void => {}
    const held = new Promise<void>((resolve) => {
      answer = resolve
    })
    vi.spyOn(values.capabilities, 'slice').mockImplementationOnce(async (...asked) => {
      const found = await slice.apply(values.capabilities, asked)
      await held
      return found
    })
    const late = reader.read()
    values.lose(() => true)
    await fill(open(values), 1, 2)
    const { log, latest } = await reader.read()
    answer()
    expect(await late).toMatchObject({ log, latest, records: [] })
    await fill(open(values), 1, 3)
    expect(await text(reader)).toEqual(['3'])
  })

  test('of which a part was lost says that what it held is not known', async () => {
    const values = new Values()
    const [one, other] = [open(values), open(values)]
    await fill(one, 5)
    await one.read()
    const { latest } = await other.read()
    values.lose((key) => key !== 'log test')
    await one.append(Buffer.from('after'))
    const news = await other.read()
    expect(news.floor).toBeGreaterThanOrEqual(latest)
    expect(news.records.map(({ value }) => value.toString())).toEqual(['after'])
  })

  test('that is back at an older state, and was written to by one who knows nothing of it, is not trusted', async () => {
    const values = new Values()
    const reader = open(values)
    await fill(open(values), 3)
    const older = new Map(values.kept)
    await fill(open(values), 2, 3)
    const before = await reader.read()
    values.kept.clear()
    for (const [key, value] of older) values.kept.set(key, value)
    await open(values).append(Buffer.from('unseen'))
    expect((await reader.read()).floor).toBeGreaterThanOrEqual(before.latest)
    await fill(open(values), 1)
    expect(await text(reader)).toEqual(['0'])
  })

  test('of which a reading failed on the way to the next list is gone on with where that began', async () => {
    const values = new Values()
    const [one, other] = [open(values), open(values)]
    await fill(one, 100)
    const { latest } = await other.read()
    await fill(one, 100, 100)
    const { slice } = values.capabilities
    const calls = vi.spyOn(values.capabilities, 'slice')
    calls.mockImplementationOnce((...asked) => slice.apply(values.capabilities, asked))
    calls.mockRejectedValueOnce(new Error('gone'))
    await expect(other.read()).rejects.toThrow('gone')
    const news = await other.read()
    expect(news.floor).toBeLessThan(latest)
    expect(news.records.map(({ value }) => Number(value))).toEqual(Array.from({ length: 100 }, (_, i) => 100 + i))
  })

  test.each([
    ['and nobody has begun anew', false],
    ['and another has begun anew', true],
  ])('that the store loses while a record is on its way has that record %s', async (_what, isAnew) => {
    const values = new Values()
    const [writer, reader] = [open(values), open(values)]
    await reader.read()
    const { append } = values.capabilities
    vi.spyOn(values.capabilities, 'append').mockImplementationOnce(async (...given) => {
      values.lose(() => true)
      if (isAnew) await reader.read()
      return append.apply(values.capabilities, given)
    })
    await writer.append(Buffer.from('kept'))
    expect(await text(reader)).toEqual(['kept'])
  })

  test('lets go of the lists that it no longer keeps', async () => {
    const values = new Values()
    const dropped: string[] = []
    const { append } = values.capabilities
    const capabilities: ListCapabilities = {
      ...values.capabilities,
      read: values.capabilities.read.bind(values.capabilities),
      setIfAbsent: values.capabilities.setIfAbsent.bind(values.capabilities),
      compareAndSwap: values.capabilities.compareAndSwap.bind(values.capabilities),
      slice: values.capabilities.slice.bind(values.capabilities),
      increment: async () => 0,
      scope: 'process',
      append: (key, value, lifetime) => {
        if (lifetime === 1) dropped.push(key)
        return append.call(values.capabilities, key, value, lifetime)
      },
    }
    await fill(new SharedLog(capabilities, 'test'), 10_500)
    expect(dropped.length).toBe(Math.ceil(10_500 / 128) - 80)
  }, 30_000)

  test.each([
    '{"log":"a","first":0,"lists":[]}',
    '{"log":"a","first":-1,"lists":["b"]}',
    '{"log":"a","first":9007199254740991,"lists":["b"]}',
    '{"log":"a","first":0,"lists":[1]}',
    '{"first":0,"lists":["b"]}',
    `{"log":"a","first":0,"lists":[${Array(81).fill('"b"')}]}`,
  ])('does not follow the head %s', async (head) => {
    const values = new Values()
    values.kept.set('log test', Buffer.from(head))
    await fill(open(values), 1)
    expect(await text(open(values))).toEqual(['0'])
  })

  test('a head that cannot be read is made anew', async () => {
    const values = new Values()
    await fill(open(values), 1)
    values.kept.set('log test', Buffer.from('{'))
    await fill(open(values), 1)
    expect(await text(open(values))).toEqual(['0'])
  })
})
