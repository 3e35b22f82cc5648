import Koa, { type Middleware } from 'koa'
import { expressApp } from './express-app.ts'
import { outer } from './koa-app.ts'
import type { FixedAnswer, Subject } from './subject.ts'

/**
 * What a hit cannot be cheaper than where it is mounted: the answer is known beforehand, nothing is looked up and
 * nothing decided. Fields are set one by one, as they must be where others have set some before.
 */
export const expressCeiling: Subject = (settings) => {
  const { status, fields, body } = constant(settings.answer, 'x-powered-by')
  return expressApp(settings, (_request, response) => {
    for (const [name, value] of fields) response.setHeader(name, value)
    response.writeHead(status)
    response.end(body)
  })
}

/** The same as the second middleware in Koa, which has to leave the writing to Koa. */
export const koaSecondCeiling: Subject = ({ answer }) => {
  const { status, fields, body } = constant(answer, 'x-outer')
  const inner: Middleware = (context) => {
    context.status = status
    for (const [name, value] of fields) context.res.setHeader(name, value)
    context.body = body
  }
  return new Koa().use(outer).use(inner).callback()
}

/** The answer without the field that somebody else sets. */
function constant(answer: FixedAnswer | undefined, others: string) {
  if (answer === undefined) throw new TypeError('A ceiling needs an answer to write')
  const fields: [name: string, value: string][] = []
  for (let i = 0; i + 1 < answer.lines.length; i += 2) {
    const name = answer.lines[i] as string
    if (name.toLowerCase() !== others) fields.push([name, answer.lines[i + 1] as string])
  }
  return { status: answer.status, fields, body: Buffer.from(answer.body) }
}
