import type { ServerResponse } from 'node:http'
import { type PageFields, setFields } from './page-answer.ts'
import { type Problem, prepareProblem } from './problem.ts'

/** What to do with a request. */
export type SequenceAnswer =
  | { readonly kind: 'pass' }
  /** The client has left. */
  | { readonly kind: 'gone' }
  | { readonly kind: 'problem'; readonly problem: Problem; readonly fields?: PageFields }
  /** A head alone: nothing has changed, nothing is there, or nothing but the head was asked for. */
  | { readonly kind: 'head'; readonly status: 200 | 202 | 204 | 304; readonly fields: PageFields }
  | { readonly kind: 'whole'; readonly status: 200 | 202 | 206; readonly fields: PageFields; readonly body: Buffer }
  | {
      readonly kind: 'stream'
      readonly status: 200 | 206
      readonly fields: PageFields
      readonly content: AsyncGenerator<Buffer, void, void>
    }

/** A problem without more to say than its status and a sentence. */
export function problem(status: number, title: string, detail: string, fields: PageFields = {}): SequenceAnswer {
  const content: Problem = { status, title, detail }
  return { kind: 'problem', problem: content, fields }
}

/** What is left to send when status and fields are set. */
export type SequenceBody = Buffer | string | AsyncGenerator<Buffer, void, void> | undefined

/** Sets the fields of an answer; what is left to send is its status and its body. */
export function prepareSequenceAnswer(
  response: ServerResponse,
  answer: Exclude<SequenceAnswer, { kind: 'pass' | 'gone' }>,
): { readonly status: number; readonly body: SequenceBody } {
  if (answer.kind === 'problem') {
    const body = prepareProblem(response, answer.problem)
    if (answer.fields !== undefined) setFields(response, answer.fields)
    return { status: answer.problem.status, body }
  }
  setFields(response, answer.fields)
  switch (answer.kind) {
    case 'head':
      return { status: answer.status, body: undefined }
    case 'whole':
      response.setHeader('Content-Length', answer.body.length)
      return { status: answer.status, body: answer.body }
    case 'stream':
      return { status: answer.status, body: answer.content }
  }
}
