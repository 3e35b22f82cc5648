import { createServer, type RequestListener, type Server } from 'node:http'

export interface Listening {
  readonly address: string
  readonly server: Server
}

/** Serves on the loopback interface: on `port`, or on 3000 or, if that is taken, on a free one. */
export async function listen(listener: RequestListener, port: number | undefined): Promise<Listening> {
  if (port !== undefined) return open(listener, port)
  try {
    return await open(listener, 3000)
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'EADDRINUSE') throw error
    return open(listener, 0)
  }
}

function open(listener: RequestListener, port: number): Promise<Listening> {
  const server = createServer(listener)
  return new Promise((resolve, reject) => {
    server.once('error', reject)
    server.listen(port, '127.0.0.1', () => {
      const address = server.address()
      const opened = typeof address === 'object' && address !== null ? address.port : port
      resolve({ address: `http://127.0.0.1:${opened}`, server })
    })
  })
}
