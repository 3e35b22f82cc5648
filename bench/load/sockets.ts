import { connect } from 'node:net'
import { CONNECTIONS, type Generator, type Load } from './load.ts'

/**
 * A generator of our own, for two cases: wrk is not installed, or answers are 304 with Content-Length, after which wrk
 * waits for content that never comes. It reads as much of each answer as it takes to find its end.
 */
export const sockets: Generator = async (load) => {
  const until = performance.now() + load.seconds * 1000
  let asked = 0
  const counts = Array.from({ length: CONNECTIONS }, () => converse(load, until, () => ++asked))
  return (await Promise.all(counts)).reduce((sum, count) => sum + count)
}

function converse({ port, path, fields = {}, unique }: Load, until: number, next: () => number): Promise<number> {
  const rest = ` HTTP/1.1\r\nHost: 127.0.0.1:${port}\r\n${Object.entries(fields)
    .map(([name, value]) => `${name}: ${value}\r\n`)
    .join('')}\r\n`
  const same = `GET ${path}${rest}`
  const request = (): string => (unique === undefined ? same : `GET ${path}${unique}-${next()}${rest}`)
  return new Promise((resolve, reject) => {
    let answers = 0
    let head = ''
    let left = 0
    const socket = connect(port, '127.0.0.1', () => socket.write(request()))
    const answered = (): void => {
      answers++
      if (performance.now() < until) socket.write(request())
      else socket.destroy()
    }
    socket.on('data', (chunk) => {
      if (left > 0) {
        left -= chunk.length
        if (left === 0) answered()
        return
      }
      head += chunk.toString('latin1')
      const end = head.indexOf('\r\n\r\n')
      if (end === -1) return
      const length = contentLength(head.slice(0, end))
      if (length === undefined) return socket.destroy(new Error(`The load was not answered as it should:\n${head}`))
      left = length - (head.length - end - 4)
      head = ''
      if (left === 0) answered()
    })
    socket.on('error', reject)
    socket.on('close', () => resolve(answers))
  })
}

function contentLength(head: string): number | undefined {
  const status = head.slice(9, 12)
  if (status === '304') return 0
  const length = /\r\ncontent-length: *(\d+)/i.exec(head)?.[1]
  return status === '200' && length !== undefined ? Number(length) : undefined
}
