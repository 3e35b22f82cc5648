declare module 'apicache' {
  import type { RequestHandler } from 'express'

  const apicache: { middleware(duration: string): RequestHandler }
  export default apicache
}
