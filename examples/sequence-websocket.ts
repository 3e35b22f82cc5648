/** Prime numbers over WebSocket, ten at a time: the server computes no more of them than the client asks for. */
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { primes } from 'breakwater'
import { sequenceRouter } from 'breakwater/express'
import express from 'express'

const app = express()
const router = sequenceRouter({ sequence: primes, websocket: { mount: '/primes' } })
app.use('/primes', router)

const server = createServer(app)
server.on('upgrade', (request, socket, head) => {
  // Nobody else takes what the router leaves alone.
  if (!router.upgrade(request, socket, head)) socket.destroy()
})
server.listen(Number(process.env.PORT ?? 3000), '127.0.0.1', () => read((server.address() as AddressInfo).port))

/** A client, such as a browser is one. */
function read(port: number): void {
  const terms: string[] = []
  const socket = new WebSocket(`ws://127.0.0.1:${port}/primes/terms/stream?start=1000&limit=25`, 'breakwater.terms.v1')
  const more = (): void => socket.send('{"credit":10}')
  socket.onopen = more
  socket.onmessage = ({ data }) => {
    const { index, term, end, error } = JSON.parse(String(data))
    if (term !== undefined) terms.push(term)
    if (index % 10 === 9) more()
    if (end === true || error !== undefined) console.log(terms.join(' '), error?.detail ?? 'and that was all')
  }
  socket.onclose = async () => {
    await router.close()
    server.close()
  }
}
