import type { ServerResponse } from 'node:http'
import { type Problem, prepareProblem } from './problem.ts'

/** What to do with a request. */
export type PageAnswer =
  | { readonly kind: 'pass' }
  /** The client has left. */
  | { readonly kind: 'gone' }
  | { readonly kind: 'problem'; readonly problem: Problem; readonly contentRange?: string | undefined }
  | { readonly kind: 'unchanged'; readonly fields: PageFields }
  | { readonly kind: 'page'; readonly status: 200 | 206; readonly fields: PageFields; readonly body: string }

/** Field values by name; undefined and '' are not sent. */
export type PageFields = Readonly<Record<string, string | undefined>>

/** Fields that may stand there already, for something else. */
const LISTS: ReadonlySet<string> = new Set(['Link', 'Vary'])

/** Sets the fields of an answer; what is left to send is its status and its body. */
export function preparePageAnswer(
  response: ServerResponse,
  answer: Exclude<PageAnswer, { kind: 'pass' | 'gone' }>,
): { readonly status: number; readonly body: string | undefined } {
  if (answer.kind === 'problem') {
    const body = prepareProblem(response, answer.problem)
    if (answer.contentRange !== undefined) response.setHeader('Content-Range', answer.contentRange)
    return { status: answer.problem.status, body }
  }
  setFields(response, answer.fields)
  if (answer.kind === 'unchanged') return { status: 304, body: undefined }
  response.setHeader('Content-Type', 'application/json')
  response.setHeader('Content-Length', Buffer.byteLength(answer.body))
  return { status: answer.status, body: answer.body }
}

/** Sets the fields that have a value; those that are lists go behind what stands there. */
export function setFields(response: ServerResponse, fields: PageFields): void {
  for (const name in fields) {
    const value = fields[name]
    if (value === undefined || value === '') continue
    const before = LISTS.has(name) ? response.getHeader(name) : undefined
    response.setHeader(name, before === undefined ? value : [before, value].flat().join(', '))
  }
}
