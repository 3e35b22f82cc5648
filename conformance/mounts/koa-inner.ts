import type { RequestListener } from 'node:http'
import { cache } from 'breakwater/koa'
import type { Policy } from '../subjects.ts'
import { application } from './koa.ts'

/** Another middleware stands outside the cache, which then answers through `ctx`. */
export function mounted(originPort: number, policy: Policy): RequestListener {
  return application(originPort, (_, next) => next(), cache({ policy }))
}
