/** Who caused a failure: the upstream by its own answer, or the network between this process and it. */
export type FailureOrigin = 'upstream' | 'local'

const localCodes =
  /^(E(CONN|NET|HOST|AI_|ADDR|DNS)|ENOTFOUND|ETIMEDOUT|EPIPE|EMFILE|ENFILE|ENOBUFS|EACCES|EPERM|CERT_|DEPTH_|UNABLE_TO_|SELF_SIGNED|ERR_TLS|ERR_SSL|EPROTO|UND_ERR_(CONNECT_TIMEOUT|HEADERS_TIMEOUT|BODY_TIMEOUT|SOCKET|PRX_TLS|CLOSED|DESTROYED))/
const deepest = 8

/**
 * `local` for what this process alone may see: DNS, refused and reset connections, TLS, timeouts. `upstream` for
 * everything else, such as an error that was made of a status. Looks through `cause` and into an AggregateError.
 */
export function failureOrigin(reason: unknown): FailureOrigin {
  return isLocal(reason, 0) ? 'local' : 'upstream'
}

/** Whether this is what `AbortSignal.timeout` gives as its reason. */
export function isTimeout(reason: unknown): boolean {
  return reason instanceof Error && reason.name === 'TimeoutError'
}

function isLocal(reason: unknown, depth: number): boolean {
  if (!(reason instanceof Error) || depth > deepest) return false
  const { code, cause } = reason as NodeJS.ErrnoException
  if ((typeof code === 'string' && localCodes.test(code)) || isTimeout(reason)) return true
  if (reason instanceof AggregateError && reason.errors.some((error) => isLocal(error, depth + 1))) return true
  return isLocal(cause, depth + 1)
}
