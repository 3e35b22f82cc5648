import { connect } from 'node:net'
import { setTimeout as sleep } from 'node:timers/promises'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { describeWithProgram, findProgram, type RedisServer, requireProgram, startRedis } from './servers.ts'

describe('programs', () => {
  test('one that is there is found with its full path', () => {
    expect(findProgram('sh')).toMatch(/^\/.*\/sh$/)
  })

  test('one that is missing is not found, and requiring it says how to get it', () => {
    expect(findProgram('no-such-program')).toBeUndefined()
    expect(() => requireProgram('no-such-program')).toThrow(/no-such-program is not installed; scripts\//)
  })
})

describeWithProgram('redis-server', 'a private Redis', () => {
  let redis: RedisServer

  beforeAll(async () => {
    redis = await startRedis()
  })

  afterAll(() => redis.stop())

  test('answers as soon as it is started', async () => {
    expect(redis.url).toBe(`redis://127.0.0.1:${redis.port}`)
    expect(await ask(redis.port, 'PING')).toBe('+PONG')
  })

  test('two of them know nothing of each other', async () => {
    const other = await startRedis()
    await ask(redis.port, 'SET whose first')
    expect(other.port).not.toBe(redis.port)
    expect(await ask(other.port, 'EXISTS whose')).toBe(':0')
    await other.stop()
  })

  test('paused it takes connections and answers nothing, resumed it answers', async () => {
    await redis.pause()
    const answer = ask(redis.port, 'PING')
    expect(await Promise.race([answer, sleep(200, 'silence')])).toBe('silence')
    redis.resume()
    expect(await answer).toBe('+PONG')
  })

  test('killed it refuses connections, restarted it is back on its port and empty', async () => {
    await ask(redis.port, 'SET kept no')
    await redis.kill()
    await expect(ask(redis.port, 'PING')).rejects.toThrow('ECONNREFUSED')
    await redis.restart()
    expect(await ask(redis.port, 'EXISTS kept')).toBe(':0')
  })

  test('can be stopped while paused, and more than once', async () => {
    const other = await startRedis()
    await other.pause()
    await other.stop()
    await other.stop()
    await expect(ask(other.port, 'PING')).rejects.toThrow('ECONNREFUSED')
  })
})

/** Sends one inline command and gives the first line of the answer. */
function ask(port: number, command: string): Promise<string> {
  return new Promise((resolve, reject) => {
    const socket = connect(port, '127.0.0.1', () => socket.write(`${command}\r\n`))
    socket.once('error', reject)
    socket.once('data', (chunk) => {
      socket.destroy()
      resolve(chunk.toString().split('\r\n')[0] ?? '')
    })
  })
}
