import { inspect } from 'node:util'

/** A store could not be set up or reached, or refused what was asked; the message says what to do. */
export class StoreError extends Error {
  override readonly name = 'StoreError'
  readonly code = 'ERR_BREAKWATER_STORE'
}

const credentials = /\/\/[^/?#\s]*@/g

/** `text` without the user and password of any URL in it, and without the `secrets` themselves. */
export function withoutCredentials(text: string, secrets: readonly string[] = []): string {
  let safe = text.replace(credentials, '//***@')
  for (const secret of secrets) if (secret !== '') safe = safe.replaceAll(secret, '***')
  return safe
}

/** Whether an error tells credentials, wherever: errors of clients hold others, and what the client was made with. */
export function tellsCredentials(error: unknown, secrets: readonly string[] = []): boolean {
  const told = inspect(error, { depth: 6, customInspect: false, maxStringLength: null })
  return withoutCredentials(told, secrets) !== told
}

/**
 * A StoreError that says `what`, with the reason but no credentials: a client's own error may hold its URL, so it is
 * not handed on as the cause where it does.
 */
export function storeError(what: string, cause?: unknown, secrets: readonly string[] = []): StoreError {
  if (cause === undefined) return new StoreError(withoutCredentials(what, secrets))
  const reason = reasonOf(cause)
  const message = withoutCredentials(reason === '' ? what : `${what}: ${reason}`, secrets)
  return tellsCredentials(cause, secrets) ? new StoreError(message) : new StoreError(message, { cause })
}

/** Node puts the reasons of several addresses into an AggregateError without a message of its own. */
function reasonOf(cause: unknown): string {
  if (cause instanceof AggregateError && cause.message === '') return cause.errors.map(reasonOf).join('; ')
  if (cause instanceof Error) return cause.message || String((cause as NodeJS.ErrnoException).code ?? cause.name)
  return String(cause)
}

/**
 * Loads an optional peer when it is first needed.
 *
 * @throws StoreError that says how to install it.
 */
export async function loadPeer<T>(name: string, load: () => Promise<T>, user: string): Promise<T> {
  try {
    return await load()
  } catch (error) {
    throw storeError(`${user} needs the package ${name}: npm install ${name}`, error)
  }
}
