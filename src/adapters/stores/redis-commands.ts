import { hash } from 'node:crypto'
import type { StoreCapabilities } from '../../core/store/capabilities.ts'
import type { ByteBackend } from '../../core/store/remote.ts'
import type { CommandPart } from './redis-connection.ts'
import type { RedisServers, Send } from './redis-servers.ts'
import { RedisSubscriptions } from './redis-subscriptions.ts'

/** Keys that one SCAN looks at. */
const scanned = 1000

/** A lifetime stands for none as an empty string. */
const withExpiry = `
local function expire(ms) if ms == '' then redis.call('PERSIST', KEYS[1]) else redis.call('PEXPIRE', KEYS[1], ms) end end
`
const incrementScript = script(`${withExpiry}
local sum = redis.call('INCRBY', KEYS[1], ARGV[1])
expire(ARGV[2])
return sum`)
const appendScript = script(`${withExpiry}
local length = redis.call('RPUSH', KEYS[1], ARGV[1])
expire(ARGV[2])
return length`)
/** Expected, next, lifetime; no next removes. */
const swapScript = script(`
if redis.call('GET', KEYS[1]) ~= ARGV[1] then return 0 end
if #ARGV == 1 then redis.call('DEL', KEYS[1])
elseif ARGV[3] == '' then redis.call('SET', KEYS[1], ARGV[2])
else redis.call('SET', KEYS[1], ARGV[2], 'PX', ARGV[3]) end
return 1`)

interface Script {
  readonly text: string
  readonly sha: string
}

function script(text: string): Script {
  return { text, sha: hash('sha1', text) }
}

/** Bytes on Redis, and all capabilities. */
export function redisBackend(servers: RedisServers): ByteBackend {
  const subscriptions = new RedisSubscriptions((plan) => servers.listener(plan))
  return {
    // Redis takes values of 512 MiB; what is longer than this would hold up others on the connection.
    chunkSize: 2 ** 20,
    givesBytesBack: true,
    open: () => servers.open(),
    get: async (key) => ((await servers.send(key, ['GET', key])) as Buffer | null) ?? undefined,
    set: async (key, bytes, lifetime) => {
      await servers.send(key, ['SET', key, bytes, ...expiry(lifetime)])
    },
    delete: async (keys) => {
      const [first] = keys
      // They have one hash tag.
      if (first !== undefined) await servers.send(first, ['UNLINK', ...keys])
    },
    clear: async (prefix) => {
      await Promise.all(servers.each().map((send) => clearServer(servers, send, prefix)))
    },
    close: async () => {
      await Promise.all([subscriptions.close(), servers.close()])
    },
    capabilities: capabilitiesOf(servers, subscriptions),
  }
}

function capabilitiesOf(servers: RedisServers, subscriptions: RedisSubscriptions): StoreCapabilities {
  return {
    scope: 'cluster',
    read: async (key) => ((await servers.send(key, ['GET', key])) as Buffer | null) ?? undefined,
    increment: async (key, by, lifetime) =>
      Number(await run(servers, incrementScript, key, [String(by), milliseconds(lifetime)])),
    setIfAbsent: async (key, value, lifetime) =>
      (await servers.send(key, ['SET', key, value, 'NX', ...expiry(lifetime)])) !== null,
    compareAndSwap: async (key, expected, next, lifetime) => {
      const written = next === undefined ? [] : [next, milliseconds(lifetime)]
      return (await run(servers, swapScript, key, [expected, ...written])) === 1
    },
    append: async (key, value, lifetime) =>
      Number(await run(servers, appendScript, key, [value, milliseconds(lifetime)])),
    slice: async (key, from) => (await servers.send(key, ['LRANGE', key, String(Math.max(0, from)), '-1'])) as Buffer[],
    // Every node of a cluster hands on what is published at one of them.
    publish: async (channel, text) => {
      await servers.send(channel, ['PUBLISH', channel, text])
    },
    subscribe: (channel, subscriber) => subscriptions.subscribe(channel, subscriber),
  }
}

async function run(servers: RedisServers, { sha, text }: Script, key: string, values: CommandPart[]): Promise<unknown> {
  try {
    return await servers.send(key, ['EVALSHA', sha, '1', key, ...values])
  } catch (error) {
    // A server that was started again knows no scripts.
    // The cause is left out of an error that holds a password, and any word may be one.
    if (!/\bNOSCRIPT\b/.test((error as Error).message)) throw error
    return servers.send(key, ['EVAL', text, '1', key, ...values])
  }
}

async function clearServer(servers: RedisServers, send: Send, prefix: string): Promise<void> {
  const pattern = `${prefix.replace(/[\\*?[\]^]/g, '\\$&')}*`
  let cursor = '0'
  do {
    const reply = (await send(['SCAN', cursor, 'MATCH', pattern, 'COUNT', String(scanned)])) as [Buffer, Buffer[]]
    cursor = String(reply[0])
    await unlink(servers, send, reply[1].map(String))
  } while (cursor !== '0')
}

async function unlink(servers: RedisServers, send: Send, keys: readonly string[]): Promise<void> {
  if (keys.length === 0) return
  if (servers.isCluster) await Promise.all(keys.map((key) => servers.send(key, ['UNLINK', key])))
  else await send(['UNLINK', ...keys])
}

function expiry(lifetime: number): string[] {
  return lifetime === Infinity ? [] : ['PX', milliseconds(lifetime)]
}

/** Redis takes whole milliseconds from 1 on. */
function milliseconds(lifetime: number): string {
  return lifetime === Infinity ? '' : String(Math.min(Math.max(1, Math.ceil(lifetime)), 2 ** 52))
}
