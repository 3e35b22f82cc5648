import { Child } from './child.ts'
import { httpGet } from './http-get.ts'
import type { SubjectName } from './subjects/index.ts'

export const STAMPEDE: readonly SubjectName[] = [
  'shield',
  'express-cache',
  'koa-cache',
  'koa-cache-second',
  'apicache',
  'koa-cash',
  'ocache',
]
const REQUESTS = 200

/** How often the handler, which takes 100 ms, runs for 200 requests at once that nothing is stored for. */
export async function stampede(subject: SubjectName): Promise<number> {
  const child = new Child('./server-child.ts', { subject, bytes: 2048, delay: 100 }, `stampede-${subject}`)
  try {
    const { port } = await child.ready<{ port: number }>()
    await Promise.all(Array.from({ length: REQUESTS }, () => httpGet(port, '/item/1')))
    return (await child.ask<{ runs: number }>()).runs
  } finally {
    await child.stop()
  }
}
