/** Puts each store that this machine can run under stress: load, purges, and servers and processes that fail. */
import { parseArgs } from 'node:util'
import { missingProgram, type StoreName, storeNames } from '../test/support/places.ts'
import { faultsOf, print } from './report.ts'
import { stress } from './run.ts'

const usage = `node stress/main.ts [--store ${storeNames.join(',')}] [--seconds 60]

  --store    which stores, with commas between them; default: all whose servers are installed
  --seconds  for each store, about; at least 30. Default 60

Three processes with a near tier share each store while clients ask for them. Requests that fail, bodies that are not
what was sent, answers that were purged before, memory that rises, processes that end and what keeps them from ending
are faults: there must be none, else the exit code is 1. Times are told, not judged: they are those of a machine that
does all at once.`

const leastSeconds = 30

const { values } = parseArgs({
  options: {
    store: { type: 'string', default: storeNames.join(',') },
    seconds: { type: 'string', default: '60' },
    help: { type: 'boolean', default: false },
  },
})

function wantedStores(): StoreName[] {
  return values.store.split(',').map((name) => {
    if (!isStoreName(name)) throw new TypeError(`--store must name some of ${storeNames.join(', ')}, not ${name}`)
    return name
  })
}

function isStoreName(name: string): name is StoreName {
  return (storeNames as readonly string[]).includes(name)
}

function secondsForEach(): number {
  const seconds = Number(values.seconds)
  if (!(seconds >= leastSeconds))
    throw new RangeError(`--seconds must be ${leastSeconds} or more, not ${values.seconds}`)
  return seconds
}

async function main(signal: AbortSignal): Promise<number> {
  const seconds = secondsForEach()
  let faults = 0
  for (const store of wantedStores()) {
    const program = missingProgram(store)
    if (program !== undefined) {
      console.log(`\n${store}: left out, ${program} is not installed`)
      continue
    }
    const outcome = await stress(store, seconds, signal)
    print(outcome)
    faults += faultsOf(outcome).length
  }
  return faults === 0 ? 0 : 1
}

if (values.help) console.log(usage)
else {
  const interrupted = new AbortController()
  for (const name of ['SIGINT', 'SIGTERM'] as const) process.once(name, () => interrupted.abort())
  try {
    process.exitCode = await main(interrupted.signal)
  } catch (error) {
    if (!interrupted.signal.aborted) throw error
    process.exitCode = 130
  }
}
