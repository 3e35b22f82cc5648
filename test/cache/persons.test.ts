import { describe, expect, test } from 'vitest'
import type { Decision, Mount } from '../../src/core/cache/mount.ts'
import { ReadLog } from '../../src/core/cache/read-log.ts'
import { answer, content, engine, exchangeOf, farStore, replyOf, requestHead, responseHead } from '../support/engine.ts'

const fresh = { 'cache-control': 'max-age=60', 'content-length': '4', etag: '"a"' }
/** Lets the writes to a far store arrive. */
const settled = () => new Promise((resolve) => setTimeout(resolve, 5))

function ask(mount: Mount, ...personal: string[]): Decision | Promise<Decision> {
  const head = { ...requestHead(), personal: personal.length === 0 ? undefined : personal }
  return mount.lookup(head, head)
}

/** Answers from what is unset. */
function absent(decision: Decision, name: string | undefined, headers: Record<string, string> = fresh, status = 200) {
  const exchange = exchangeOf(decision)
  exchange.reads = new ReadLog()
  if (name !== undefined) exchange.reads.readAbsence(name)
  return answer(exchange, { status, headers, body: 'body' })
}

async function fate(mount: Mount, ...personal: string[]): Promise<Decision['kind']> {
  const decision = await ask(mount, ...personal)
  if ('exchange' in decision) decision.exchange.abandon()
  if (decision.kind === 'stale') decision.refresh?.abandon()
  return decision.kind
}

describe.each(['near', 'far'])('an answer made in the absence of a person, in a %s store', (place) => {
  const start = () => engine({}, 'in', place === 'far' ? farStore() : undefined)

  test('is for those who have none', async () => {
    const { mount } = start()
    absent(await ask(mount), 'user')
    await settled()
    expect(await fate(mount)).toBe('hit')
    expect(await fate(mount, 'session')).toBe('hit')
    expect(await fate(mount, 'session', 'user')).toBe('miss')
    expect(await fate(mount)).toBe('hit')
  })

  test('and so is one of its variants', async () => {
    const { mount } = start()
    absent(await ask(mount), 'user', { ...fresh, vary: 'x-a' })
    await settled()
    expect(await fate(mount)).toBe('hit')
    expect(await fate(mount, 'user')).toBe('miss')
  })

  test('stays so when it is validated without a look', async () => {
    const { mount, clock } = start()
    absent(await ask(mount), 'user')
    await settled()
    clock.pass(61)
    expect(absent(await ask(mount), 'auth', { etag: '"a"' }, 304).kind).toBe('replace')
    await settled()
    expect(await fate(mount)).toBe('hit')
    expect(await fate(mount, 'user')).toBe('miss')
    expect(await fate(mount, 'auth')).toBe('miss')
  })

  test('is neither stale for a person nor validated for one', async () => {
    const { mount, clock } = start()
    absent(await ask(mount), 'user', { ...fresh, 'cache-control': 'max-age=60, stale-while-revalidate=60' })
    await settled()
    clock.pass(61)
    expect(await fate(mount, 'user')).toBe('miss')
    expect(await fate(mount)).toBe('stale')
  })

  test('is made by the refresh that a person causes, too', async () => {
    const { mount, clock } = start()
    const lasting = { ...fresh, 'cache-control': 'max-age=60, stale-while-revalidate=60' }
    absent(await ask(mount), undefined, lasting)
    await settled()
    clock.pass(61)
    const stale = await ask(mount, 'user')
    expect(stale.kind).toBe('stale')
    expect(exchangeOf(stale).request.personal).toBeUndefined()
    absent(stale, 'user')
    await settled()
    expect(await fate(mount)).toBe('hit')
    expect(await fate(mount, 'user')).toBe('miss')
  })
})

describe('who follows one', () => {
  test.each(['before', 'after'])('has no person, whether it is read %s the head', async (when) => {
    const { mount } = engine()
    const exchange = exchangeOf(await ask(mount))
    exchange.reads = new ReadLog()
    const nobody = ask(mount)
    const somebody = ask(mount, 'user')
    if (when === 'before') exchange.reads.readAbsence('user')
    // Without a length nobody reads along.
    const outcome = exchange.head(responseHead({ headers: { 'cache-control': 'max-age=60' } }))
    if (outcome.kind !== 'record') throw new Error(outcome.kind)
    outcome.recording.write(Buffer.from('body'))
    if (when === 'after') exchange.reads.readAbsence('user')
    exchange.finish()
    expect(await content(replyOf(await nobody))).toBe('body')
    const own = await somebody
    expect(own.kind).toBe('miss')
    exchangeOf(own).abandon()
    expect(await fate(mount)).toBe('hit')
    expect(await fate(mount, 'user')).toBe('miss')
  })

  test('somebody who has read the first half already reads no further, and nobody does', async () => {
    const { mount, responses } = engine()
    const exchange = exchangeOf(await ask(mount))
    exchange.reads = new ReadLog()
    const [somebody, nobody] = [ask(mount, 'user'), ask(mount)]
    const outcome = exchange.head(responseHead({ headers: fresh }))
    if (outcome.kind !== 'record') throw new Error(outcome.kind)
    expect(replyOf(await somebody).follows).toBeDefined()
    outcome.recording.write(Buffer.from('bo'))
    exchange.reads.readAbsence('user')
    outcome.recording.write(Buffer.from('dy'))
    exchange.finish()
    await expect(content(replyOf(await somebody))).rejects.toMatchObject({ code: 'ERR_BREAKWATER_RECORDING_LOST' })
    expect(await content(replyOf(await nobody))).toBe('body')
    expect(await fate(mount, 'user')).toBe('miss')
    expect(await fate(mount)).toBe('hit')
    expect(responses.inFlight.size).toBe(0)
  })
})
