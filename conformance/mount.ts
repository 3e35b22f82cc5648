/** Process: one mount of the cache in front of the suite's origin. */
import { createServer, type RequestListener } from 'node:http'
import type { AddressInfo } from 'node:net'
import { childInput, tellParent } from './child.ts'
import type { Policy, ProxyMount } from './subjects.ts'

/** What a mount is started with. */
export interface MountInput {
  readonly mount: ProxyMount
  readonly policy: Policy
  readonly originPort: number
}

/** What a file of `mounts/` exports: an application that forwards everything to the origin through the cache. */
export interface MountModule {
  mounted(originPort: number, policy: Policy): RequestListener
}

const MOUNTS: Readonly<Record<ProxyMount, () => Promise<MountModule>>> = {
  express: () => import('./mounts/express.ts'),
  koa: () => import('./mounts/koa.ts'),
  'koa-inner': () => import('./mounts/koa-inner.ts'),
  node: () => import('./mounts/node.ts'),
  undici: () => import('./mounts/undici.ts'),
}

const { mount, policy, originPort } = childInput<MountInput>()
const { mounted } = await MOUNTS[mount]()
const server = createServer(mounted(originPort, policy))
// Longer than any pause of a test, so that no request meets a connection that is just being closed.
server.keepAliveTimeout = 60_000
server.listen(0, '127.0.0.1', () => tellParent({ port: (server.address() as AddressInfo).port }))
