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
  return textsOf(error, 0).some((text) => withoutCredentials(text, secrets) !== text)
}

/** Errors below errors that are looked at. What else hangs on one, such as a socket, may have no end: its texts count. */
const depth = 5

function textsOf(error: unknown, level: number): string[] {
  if (typeof error !== 'object' || error === null) return [String(error)]
  const { message, stack, cause, errors } = error as Partial<AggregateError>
  const own = [message, stack, ...Object.values(error)].filter((value) => typeof value === 'string')
  const below = [cause, ...(Array.isArray(errors) ? errors : [])].filter((value) => value !== undefined)
  return level === depth ? own : [...own, ...below.flatMap((value) => textsOf(value, level + 1))]
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
