import type { StoreCapabilities, Subscriber } from '../capabilities.ts'
import { StoreError } from '../errors.ts'
import type { Box } from './box.ts'

/** How often a value is looked at anew because another caller came between. */
const attempts = 1_000
const unreadable = Buffer.alloc(0)

/**
 * Capabilities whose values are encrypted. The same value is other bytes each time, so comparing is done here, and
 * swapping with the very bytes that were compared. What cannot be decrypted counts as absent; in a list it is an
 * empty value, so that the others keep their places. Counters stay numbers: the server adds.
 */
export function encryptedCapabilities(
  own: StoreCapabilities,
  box: Box,
  nameOf: (kind: 'value' | 'channel', key: string) => string,
): StoreCapabilities {
  const { append, slice, publish, subscribe } = own

  const readAt = async (name: string): Promise<{ bytes?: Buffer; value?: Buffer }> => {
    const bytes = await own.read(name)
    const value = bytes && box.openBytes(name, bytes)
    return { ...(bytes && { bytes }), ...(value && { value }) }
  }

  const setIfAbsent = async (key: string, value: Buffer, lifetime: number): Promise<boolean> => {
    const name = nameOf('value', key)
    const sealed = box.sealBytes(name, value)
    for (let attempt = 0; attempt < attempts; attempt++) {
      if (await own.setIfAbsent(name, sealed, lifetime)) return true
      const found = await readAt(name)
      if (found.value !== undefined) return false
      if (found.bytes !== undefined && (await own.compareAndSwap(name, found.bytes, sealed, lifetime))) return true
    }
    throw unsettled()
  }

  const compareAndSwap = async (
    key: string,
    expected: Buffer,
    next: Buffer | undefined,
    lifetime: number,
  ): Promise<boolean> => {
    const name = nameOf('value', key)
    for (let attempt = 0; attempt < attempts; attempt++) {
      const { bytes, value } = await readAt(name)
      if (bytes === undefined || !value?.equals(expected)) return false
      if (await own.compareAndSwap(name, bytes, next && box.sealBytes(name, next), lifetime)) return true
    }
    throw unsettled()
  }

  return {
    scope: own.scope,
    read: async (key) => (await readAt(nameOf('value', key))).value,
    increment: (key, by, lifetime) => own.increment(nameOf('value', key), by, lifetime),
    setIfAbsent,
    compareAndSwap,
    ...(append && {
      append: (key: string, value: Buffer, lifetime: number) => {
        const name = nameOf('value', key)
        return append.call(own, name, box.sealBytes(name, value), lifetime)
      },
    }),
    ...(slice && {
      slice: async (key: string, from: number) => {
        const name = nameOf('value', key)
        const values = await slice.call(own, name, from)
        return values.map((bytes) => box.openBytes(name, bytes) ?? unreadable)
      },
    }),
    ...(publish && {
      publish: (channel: string, text: string) => {
        const name = nameOf('channel', channel)
        return publish.call(own, name, box.sealBytes(name, Buffer.from(text)).toString('base64'))
      },
    }),
    ...(subscribe && {
      subscribe: (channel: string, subscriber: Subscriber) => {
        const name = nameOf('channel', channel)
        return subscribe.call(own, name, {
          message: (text) => {
            const opened = box.openBytes(name, Buffer.from(text, 'base64'))
            if (opened !== undefined) subscriber.message(opened.toString())
          },
          connected: () => subscriber.connected(),
          lost: () => subscriber.lost(),
        })
      },
    }),
  }
}

function unsettled(): StoreError {
  return new StoreError(`A value was written by others ${attempts} times while it was being swapped`)
}
