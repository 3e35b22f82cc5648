import type { RequestListener } from 'node:http'
import { cache } from 'breakwater/express'
import express from 'express'
import { proxy } from '../forward.ts'
import type { Policy } from '../subjects.ts'

export function mounted(originPort: number, policy: Policy): RequestListener {
  const app = express()
  app.use(cache({ policy }))
  app.use((request, response) => proxy(originPort, request, response))
  return app
}
