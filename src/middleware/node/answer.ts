import { ServerResponse, STATUS_CODES } from 'node:http'
import { RecordingLostError } from '../../core/cache/recording.ts'
import { dismiss, type Reply, streamOf } from '../../core/cache/reply.ts'
import type { FieldLines } from '../../core/http/message.ts'
import { StoreError } from '../../core/store/errors.ts'
import { closeWithClient } from './client-left.ts'
import { BODY_IDENTITY, IDENTIFIED_BODY, type MarkedResponse, SHORTCUT } from './symbols.ts'
import type { Writer } from './writer.ts'

type WriteHead = (this: ServerResponse, status: number, ...more: (string | string[])[]) => ServerResponse
type Write = (this: ServerResponse, chunk: Buffer) => boolean
type End = (this: ServerResponse, chunk?: Buffer) => ServerResponse

const pristineWriteHead = ServerResponse.prototype.writeHead

/**
 * Sends an answer from the cache. Fields already on the response belong to this request: they stay and win, but Vary
 * and Cache-Status add up. Where there are none, and nobody listens for the head, the lines are written as they are.
 */
export function sendReply(response: MarkedResponse, reply: Reply): void {
  const shortcut = response[SHORTCUT]
  const encoded = shortcut?.encoded(response, reply)
  if (shortcut === undefined || encoded === undefined) sendReplyBy(response, response, reply)
  else sendReplyBy(shortcut, response, encoded)
}

/** The same by the functions beneath. */
export function sendReplyBy(writer: Writer, response: MarkedResponse, reply: Reply): void {
  const { body } = reply
  try {
    sendHead(response, reply, writer)
  } catch (error) {
    dismiss(reply)
    throw error
  }
  const content = streamOf(reply)
  if (content !== undefined) void writeContent(response, content, writer)
  else if (body === undefined || body.length === 0) (writer.end as End).call(response)
  else (writer.end as End).call(response, body)
}

function sendHead(response: MarkedResponse, reply: Reply, writer: Writer): void {
  const { status, statusText, lines } = reply
  response[BODY_IDENTITY] = reply.bodyIdentity
  response[IDENTIFIED_BODY] = reply.body
  const writeHead = writer.writeHead as WriteHead
  const live = response.getHeaderNames()
  if (live.length === 0 && writeHead === pristineWriteHead) {
    // Only a reason of the answer's own is handed on: the usual one is looked up faster by Node.
    if (statusText === '' || statusText === STATUS_CODES[status]) writeHead.call(response, status, lines as string[])
    else writeHead.call(response, status, statusText, lines as string[])
  } else {
    setLines(response, lines, live)
    if (statusText !== '') setReason(response, statusText)
    writeHead.call(response, status)
  }
}

/** Whether nothing can be sent any more: HTTP/2's compatibility API tells by its stream only. */
export function isGone(response: ServerResponse & { stream?: { readonly destroyed: boolean } }): boolean {
  return response.destroyed || response.stream?.destroyed === true
}

/** HTTP/2 has no reasons, and warns of whoever looks for one. */
export function reasonOf(response: ServerResponse): string {
  return response.req?.httpVersionMajor === 2 ? '' : (response.statusMessage ?? '')
}

export function setReason(response: ServerResponse, reason: string): void {
  if (response.req?.httpVersionMajor !== 2) response.statusMessage = reason
}

/** One field of an answer, ready to be set. */
interface Field {
  readonly name: string
  readonly lower: string
  readonly value: string | string[]
}

/** Fields by the lines they came from: a plain hit has the same lines for a whole second. */
const grouped = new WeakMap<FieldLines, readonly Field[]>()

function fieldsOfLines(lines: FieldLines): readonly Field[] {
  const known = grouped.get(lines)
  if (known !== undefined) return known
  const fields = new Map<string, { name: string; lower: string; value: string | string[] }>()
  for (let i = 0; i + 1 < lines.length; i += 2) {
    const name = lines[i] as string
    const value = lines[i + 1] as string
    const lower = name.toLowerCase()
    const field = fields.get(lower)
    if (field === undefined) fields.set(lower, { name, lower, value })
    else field.value = [...(typeof field.value === 'string' ? [field.value] : field.value), value]
  }
  const list = [...fields.values()]
  grouped.set(lines, list)
  return list
}

/** Sets the fields of an answer; those already there stay and win, but Vary and Cache-Status add up. */
export function setLines(
  response: ServerResponse,
  lines: FieldLines,
  live: readonly string[] = response.getHeaderNames(),
): void {
  for (const { name, lower, value } of fieldsOfLines(lines)) {
    if (!live.includes(lower)) response.setHeader(name, value)
    else if (lower === 'vary') response.setHeader(name, unitedVary(response.getHeader(name), value))
    else if (lower === 'cache-status') response.setHeader(name, [response.getHeader(name), value].flat().join(', '))
  }
}

function unitedVary(live: unknown, stored: string | string[]): string {
  const members = `${String(live)},${String(stored)}`.split(',').map((member) => member.trim())
  const seen = new Map(members.filter((member) => member !== '').map((member) => [member.toLowerCase(), member]))
  return seen.has('*') ? '*' : [...seen.values()].join(', ')
}

/** Sends content at the client's own speed; the connection is cut where it breaks off, so that it never seems whole. */
export async function writeContent(
  response: ServerResponse,
  content: AsyncIterableIterator<Buffer, void, void>,
  writer: Writer = response,
): Promise<void> {
  // One listener of each kind for all waiting: where compression() hands them to a stream of its own, they cannot be
  // taken back.
  let goOn = (): void => {}
  const onDrain = (): void => goOn()
  // A client that leaves while content is waited for is not waited for.
  const leave = (): void => {
    void content.return?.()
    goOn()
  }
  response.on('drain', onDrain)
  response.once('close', leave)
  closeWithClient(response)
  try {
    for await (const chunk of content) {
      if (isGone(response)) return
      if ((writer.write as Write).call(response, chunk) || isGone(response)) continue
      await new Promise<void>((resolve) => {
        goOn = resolve
      })
    }
    if (!isGone(response)) (writer.end as End).call(response)
  } catch (error) {
    breakOff(response, error)
  } finally {
    response.off('drain', onDrain)
    response.off('close', leave)
  }
}

/** Ends an answer whose content failed, so that it never seems whole. */
export function breakOff(response: ServerResponse, error: unknown): void {
  // In HTTP/2 only an error tells the client that the stream did not end as it should.
  const isOurs = error instanceof RecordingLostError || error instanceof StoreError
  response.destroy(isOurs && response.req?.httpVersionMajor !== 2 ? undefined : (error as Error))
}
