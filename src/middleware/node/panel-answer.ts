import type { ServerResponse } from 'node:http'
import type { PanelAnswer } from './breaker-panel.ts'
import { prepareProblem } from './problem.ts'

/** Sets the fields of a panel's answer; what is left to send is its status and its body. */
export function preparePanelAnswer(
  response: ServerResponse,
  answer: Extract<PanelAnswer, { kind: 'json' | 'problem' }>,
): { readonly status: number; readonly body: string } {
  if (answer.kind === 'problem') {
    if (answer.allow !== undefined) response.setHeader('Allow', answer.allow)
    return { status: answer.problem.status, body: prepareProblem(response, answer.problem) }
  }
  const body = JSON.stringify(answer.value)
  response.setHeader('Content-Type', 'application/json')
  response.setHeader('Content-Length', Buffer.byteLength(body))
  response.setHeader('Cache-Control', 'no-store')
  return { status: 200, body }
}
