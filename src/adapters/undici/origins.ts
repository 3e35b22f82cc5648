import { quote } from '../../core/options.ts'
import { parseOrigin } from './origin.ts'

/** Which origins an interceptor is for. */
export class Origins {
  readonly #names = new Set<string>()
  readonly #patterns: RegExp[] = []

  /** @throws TypeError for what is neither an origin nor a pattern. */
  constructor(origins: unknown) {
    if (!Array.isArray(origins)) {
      throw new TypeError(`origins must be an array of origins and patterns, not ${quote(origins)}`)
    }
    for (const origin of origins) {
      if (origin instanceof RegExp) this.#patterns.push(new RegExp(origin, origin.flags.replace(/[gy]/g, '')))
      else this.#names.add(nameOf(origin) ?? refused(origin))
    }
  }

  /** Whether an origin is among them. A request that names none is not. */
  includes(origin: string | URL | undefined): boolean {
    const name = origin && nameOf(origin)
    if (!name) return false
    return this.#names.has(name) || this.#patterns.some((pattern) => pattern.test(name))
  }
}

function nameOf(origin: unknown): string | undefined {
  return typeof origin === 'string' || origin instanceof URL ? parseOrigin(origin)?.name : undefined
}

function refused(origin: unknown): never {
  throw new TypeError(`origins must hold origins such as 'https://api.example' and patterns, not ${quote(origin)}`)
}
