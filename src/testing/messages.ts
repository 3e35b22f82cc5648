import assert from 'node:assert/strict'
import type { StoreCapabilities, Subscriber } from '../core/store/capabilities.ts'
import type { Store } from '../core/store/store.ts'
import { withAnother } from './concurrency.ts'
import { newKey } from './items.ts'
import type { StoreFeature, StoreSubject, Suite } from './subject.ts'
import { eventually } from './waiting.ts'

type MessageCapabilities = StoreCapabilities & Required<Pick<StoreCapabilities, 'publish' | 'subscribe'>>

/** What a store with channels does. */
export function messageSuite(suite: Suite): void {
  const rule = (
    name: string,
    body: (own: MessageCapabilities, subject: StoreSubject, skip: (reason: string) => void) => void | Promise<void>,
    needs: readonly StoreFeature[] = [],
  ): void =>
    suite.rule(
      name,
      (subject, skip) => {
        const own = subject.store.capabilities
        return hasChannels(own) ? body(own, subject, skip) : skip('no channels')
      },
      ['capabilities', 'channels', ...needs],
    )

  rule('a subscriber is told that it is connected, then of what another client publishes', async (own, subject) => {
    await withAnother(subject, async (other) => {
      const channel = newKey()
      const listener = new Listener()
      const end = await own.subscribe(channel, listener)
      await eventually('connected() is told', () => listener.connections > 0)
      const texts = ['first', 'Grüße 🙂', 'quotes \' " and\nlines', 'x'.repeat(4000)]
      for (const text of texts) await channelsOf(other).publish(channel, text)
      await eventually('messages arrive', () => listener.texts.length >= texts.length)
      assert.deepEqual(listener.texts.toSorted(), texts.toSorted())
      await end()
    })
  })

  rule('a subscriber hears its own channel only', async (own) => {
    const [channel, elsewhere] = [newKey(), newKey()]
    const listener = new Listener()
    const end = await own.subscribe(channel, listener)
    await eventually('connected() is told', () => listener.connections > 0)
    await own.publish(elsewhere, 'not for you')
    await own.publish(channel, 'for you')
    await eventually('a message arrives', () => listener.texts.length > 0)
    assert.deepEqual(listener.texts, ['for you'])
    await end()
  })

  rule('a subscription that ended hears nothing more; others on its channel do', async (own) => {
    const channel = newKey()
    const [leaves, stays] = [new Listener(), new Listener()]
    const end = await own.subscribe(channel, leaves)
    const endOther = await own.subscribe(channel, stays)
    await eventually('connected() is told', () => leaves.connections > 0 && stays.connections > 0)
    await end()
    await own.publish(channel, 'later')
    await eventually('a message arrives', () => stays.texts.length > 0)
    assert.deepEqual(leaves.texts, [])
    await endOther()
  })

  rule('publishing where nobody listens does nothing', async (own) => {
    await own.publish(newKey(), 'hello')
  })

  rule(
    'after a restart a subscriber is told that it is connected again, and hears again',
    async (own, subject, skip) => {
      if (subject.restart === undefined) return skip('no restart')
      const channel = newKey()
      const listener = new Listener()
      const end = await own.subscribe(channel, listener)
      await eventually('connected() is told', () => listener.connections > 0)
      const before = listener.connections
      await subject.restart()
      await eventually('connected() is told again', () => listener.connections > before)
      assert.ok(listener.losses > 0, 'lost() was told')
      await eventually('a message arrives', async () => {
        await own.publish(channel, 'again').catch(() => {})
        return listener.texts.includes('again')
      })
      await end()
    },
    ['restart'],
  )
}

class Listener implements Subscriber {
  readonly texts: string[] = []
  connections = 0
  losses = 0

  message(text: string): void {
    this.texts.push(text)
  }

  connected(): void {
    this.connections++
  }

  lost(): void {
    this.losses++
  }
}

function hasChannels(own: StoreCapabilities | undefined): own is MessageCapabilities {
  return own?.publish !== undefined && own.subscribe !== undefined
}

function channelsOf(store: Store): MessageCapabilities {
  const own = store.capabilities
  assert.ok(hasChannels(own), 'both clients have channels')
  return own
}
