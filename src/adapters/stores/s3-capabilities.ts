import type { Clock } from '../../core/clock.ts'
import type { StoreCapabilities } from '../../core/store/capabilities.ts'
import { datedHeader, undated } from './dated-bytes.ts'
import type { ObjectClient } from './s3-objects.ts'
import { versionedCapabilities } from './versioned-capabilities.ts'

const nothing = Buffer.alloc(0)

/**
 * Steps that no other caller comes between, made of conditional writes. Nothing is ever deleted here, as not every
 * endpoint deletes on a condition: what is removed is replaced by an object that has ended, and whoever finds one that
 * has ended replaces it in the same way.
 */
export function s3Capabilities(
  objects: ObjectClient,
  nameOf: (key: string) => string,
  clock: Clock,
): StoreCapabilities {
  return versionedCapabilities({
    read: async (key) => {
      const found = await objects.get(nameOf(key))
      if (found === undefined) return { value: undefined, version: 'absent' }
      return { value: undated(found.bytes, clock.now()), version: found.etag }
    },
    write: (key, version, next, lifetime) => {
      const expires = next === undefined || !(lifetime > 0) ? 0 : clock.now() + lifetime
      const bytes = Buffer.concat([datedHeader(expires), next ?? nothing])
      return objects.put(nameOf(key), bytes, expires, version === 'absent' ? 'absent' : { etag: version })
    },
  })
}
