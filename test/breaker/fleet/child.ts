/** One process of a fleet: it calls an upstream through a breaker whose state it shares over Redis. */
import { subscribe } from 'node:diagnostics_channel'
import { request } from 'node:http'
import { setTimeout as pause } from 'node:timers/promises'
import { redisStore } from '../../../src/adapters/stores/redis.ts'
import { CircuitOpenError } from '../../../src/core/breaker/errors.ts'
import type { BreakerEvents } from '../../../src/core/breaker/events.ts'
import type { Permit } from '../../../src/core/breaker/permit.ts'
import { BreakerRegistry } from '../../../src/core/breaker/registry.ts'
import type { Command, Report, Settings } from './fleet.ts'

const { url, port, pace, options } = JSON.parse(process.argv[2] ?? '{}') as Settings
const store = redisStore({ url })
const breaker = new BreakerRegistry({ ...options, store }).of('upstream')
let aim = port
let calls = 0

function tell(report: Report): void {
  process.send?.(report)
}

subscribe('breakwater:breaker:transition', (message) => {
  const { to, override, reason } = message as BreakerEvents['breakwater:breaker:transition']
  tell({ type: 'state', state: to, override, reason, at: Date.now() })
})
subscribe('breakwater:breaker:mode', (message) => {
  tell({ type: 'mode', mode: (message as BreakerEvents['breakwater:breaker:mode']).to })
})

process.on('message', (command: Command) => {
  switch (command.type) {
    case 'aim':
      aim = command.port
      break
    case 'isolate':
      breaker.isolate()
      break
    case 'reset':
      breaker.reset()
      break
    case 'ask':
      tell({ type: 'status', status: breaker.status(), calls })
  }
})
process.on('disconnect', () => process.exit())

function call(permit: Permit): Promise<void> {
  return new Promise((done) => {
    const headers = { kind: permit.kind, generation: permit.generation, pid: process.pid }
    const asked = request({ port: aim, host: '127.0.0.1', agent: false, headers })
    asked.on('error', (error) => {
      permit.fail(error)
      done()
    })
    asked.on('response', (response) => {
      response.resume()
      if (response.statusCode === 200) permit.succeed()
      else permit.fail(new Error(`status ${response.statusCode}`))
      done()
    })
    asked.end()
  })
}

await store.ready()
tell({ type: 'ready' })
for (;;) {
  await pause(pace)
  const before = performance.now()
  try {
    const permit = breaker.enter()
    calls++
    await call(permit)
  } catch (error) {
    if (!(error instanceof CircuitOpenError)) throw error
    // It answers at once, whatever the store does.
    if (performance.now() - before > 50) tell({ type: 'slow', ms: performance.now() - before })
  }
}
