import type { ReadLog } from '../../core/cache/read-log.ts'

/** The descriptor of a property, its own or inherited, found without reading it. */
export function propertyOf(object: object, name: string): PropertyDescriptor | undefined {
  for (let holder: object | null = object; holder !== null; holder = Object.getPrototypeOf(holder)) {
    const descriptor = Object.getOwnPropertyDescriptor(holder, name)
    if (descriptor !== undefined) return descriptor
  }
  return undefined
}

/** Getters that resolve scheme and authority: the key has what they resolve to, in lower case. */
const KEYED = ['host', 'hostname', 'protocol', 'secure']
/** Getters that resolve the client's address, which is only reported. */
const ADDRESS = ['ip', 'ips']
const excused = new WeakSet<object>()

/**
 * Lets reads inside a framework's own getters for scheme, authority and address not count as the handler's.
 * `prototype` is what the framework's requests inherit from; each is changed once.
 */
export function excuseGetters<T extends object>(prototype: T, readsOf: (request: T) => ReadLog | undefined): void {
  if (excused.has(prototype)) return
  excused.add(prototype)
  for (const name of KEYED) {
    replaceGetter(prototype, name, readsOf, (reads, resolve) => {
      const value = reads.suspend(resolve)
      // The key does not tell cases apart: an unusual spelling is not what everybody sends.
      return typeof value === 'string' && value !== value.toLowerCase() ? resolve() : value
    })
  }
  for (const name of ADDRESS) {
    replaceGetter(prototype, name, readsOf, (reads, resolve) => {
      reads.readAddress()
      return reads.suspend(resolve)
    })
  }
}

function replaceGetter<T extends object>(
  prototype: T,
  name: string,
  readsOf: (request: T) => ReadLog | undefined,
  watched: (reads: ReadLog, resolve: () => unknown) => unknown,
): void {
  const found = propertyOf(prototype, name)
  const resolve = found?.get
  if (resolve === undefined) return
  Object.defineProperty(prototype, name, {
    ...found,
    get(this: T) {
      const reads = readsOf(this)
      return reads === undefined ? resolve.call(this) : watched(reads, () => resolve.call(this))
    },
  })
}
