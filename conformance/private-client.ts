import { cache } from 'breakwater/undici'
import { Agent, setGlobalDispatcher } from 'undici'

/** Gives this process' fetch a private cache, as a browser has. */
export function usePrivateCache(): void {
  // The suite's origin closes idle connections just when the next request of a test may come.
  const origin = new Agent({ pipelining: 0 })
  setGlobalDispatcher(origin.compose(cache({ type: 'private', policy: 'rfc9111' })))
}
