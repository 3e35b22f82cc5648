/**
 * Whether a redirecting interceptor between the cache and the origin followed a redirection: then the answer is not that
 * of the URL that was asked for. It tells of the URLs it visits in its context.
 */
export function isRedirected(context: unknown): boolean {
  const history = (context as { history?: unknown } | null | undefined)?.history
  return Array.isArray(history) && history.length > 1
}
