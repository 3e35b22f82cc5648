import type { Subject } from './subject.ts'

/** node:http alone: one writeHead, one end, everything known beforehand. */
export const raw: Subject = ({ answer }) => {
  if (answer === undefined) throw new TypeError('The raw server needs an answer to write')
  const { status, lines } = answer
  const body = Buffer.from(answer.body)
  if (body.length === 0) {
    return (_request, response) => {
      response.writeHead(status, lines as string[])
      response.end()
    }
  }
  return (_request, response) => {
    response.writeHead(status, lines as string[])
    response.end(body)
  }
}
