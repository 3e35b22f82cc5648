import type { ServerResponse } from 'node:http'
import type { Http2ServerResponse, Http2Stream } from 'node:http2'

/** Calls `listener` when a response is over, or its client has left; perhaps more than once. */
export function whenOver(response: ServerResponse, listener: (this: ServerResponse) => void): void {
  response.on('close', listener)
  closeWithClient(response)
  // The response of an HTTP/2 HEAD does not close where its client leaves before the head.
  if (response.req?.method === 'HEAD') streamOf(response)?.once('close', () => listener.call(response))
}

/**
 * Sees to it that a response closes when its client leaves. Node does, but not in HTTP/2 where the client resets the
 * stream without an error, as proxies do, while something waits to be sent.
 */
export function closeWithClient(response: ServerResponse): void {
  const stream = streamOf(response)
  if (stream !== undefined && !stream.listeners('aborted').includes(onAborted)) stream.once('aborted', onAborted)
}

/** Others who listen tell by a stream that is not destroyed yet that its client has left. */
function onAborted(this: Http2Stream): void {
  process.nextTick(() => this.destroy())
}

/** The stream of HTTP/2. */
function streamOf(response: ServerResponse): Http2ServerResponse['stream'] | undefined {
  return (response as unknown as Partial<Http2ServerResponse>).stream
}
