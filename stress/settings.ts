/** Numbers that the parent and its processes share; milliseconds. */
import type { StoreName } from '../test/support/places.ts'

export const handlerTime = 5
/** s3rver and the proxy before it share two processors with all else: its answers would come late without any trouble. */
export const storeTimeoutOf = (store: StoreName): number => (store === 's3' ? 1_000 : 100)
export const nearTtl = 1_000
export const processes = 3
export const connections = 24
/** How long a connection rests between two requests: it is the cache that is measured, not a queue before it. */
export const restTime = 15
/** When a purge should have reached all processes: where the store pushes, and where it does not. */
export const pushedWithin = 50
/** What a machine adds that has fewer processors than there are processes here. */
export const slack = 250
