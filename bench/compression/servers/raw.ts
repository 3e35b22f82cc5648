import type { MakeServer } from './server.ts'

/** node:http alone with an answer that was encoded beforehand: one writeHead, one end. */
export const raw: MakeServer = ({ answer }) => {
  if (answer === undefined) throw new TypeError('The raw server needs an answer to write')
  const { status, lines } = answer
  const body = Buffer.from(answer.base64, 'base64')
  return (_request, response) => {
    response.writeHead(status, lines as string[])
    response.end(body)
  }
}
