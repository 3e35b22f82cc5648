import type { RequestListener } from 'node:http'
import { shield } from 'breakwater/node'
import { proxy } from '../forward.ts'
import type { Policy } from '../subjects.ts'

export function mounted(originPort: number, policy: Policy): RequestListener {
  return shield((request, response) => proxy(originPort, request, response), { cache: { policy } })
}
