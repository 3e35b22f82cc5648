import { connect } from 'node:net'
import { setTimeout as sleep } from 'node:timers/promises'
import { type RedisServer, startRedis } from './servers.ts'

export interface RedisCluster {
  readonly nodes: readonly RedisServer[]
  readonly rootNodes: readonly { readonly url: string }[]
  stop(): Promise<void>
}

const slots = 16_384

/** Three masters that share the slots, and with `replicas` one replica of each. */
export async function startRedisCluster({ replicas = false } = {}): Promise<RedisCluster> {
  const settings = { 'cluster-enabled': 'yes', 'cluster-node-timeout': '1000', 'cluster-require-full-coverage': 'no' }
  const nodes = await Promise.all(Array.from({ length: replicas ? 6 : 3 }, () => startRedis(settings)))
  const stop = async (): Promise<void> => {
    await Promise.all(nodes.map((node) => node.stop()))
  }
  try {
    await meet(nodes)
  } catch (error) {
    await stop()
    throw error
  }
  return { nodes, rootNodes: nodes.map(({ url }) => ({ url })), stop }
}

async function meet(nodes: readonly RedisServer[]): Promise<void> {
  const [first, ...others] = nodes as [RedisServer, ...RedisServer[]]
  for (const [index, { port }] of nodes.slice(0, 3).entries()) {
    const from = Math.floor((slots * index) / 3)
    await redisCommand(port, `CLUSTER ADDSLOTSRANGE ${from} ${Math.floor((slots * (index + 1)) / 3) - 1}`)
    await redisCommand(port, `CLUSTER SET-CONFIG-EPOCH ${index + 1}`)
  }
  for (const { port } of others) await redisCommand(first.port, `CLUSTER MEET 127.0.0.1 ${port}`)
  await until('the nodes know each other', async () => {
    const infos = await Promise.all(nodes.map(({ port }) => redisCommand(port, 'CLUSTER INFO')))
    return infos.every(
      (info) => info.includes('cluster_state:ok') && info.includes(`cluster_known_nodes:${nodes.length}`),
    )
  })
  for (const [index, { port }] of nodes.slice(3).entries()) {
    const master = (await redisCommand(nodes[index]?.port ?? 0, 'CLUSTER MYID')).split('\r\n')[1]
    await redisCommand(port, `CLUSTER REPLICATE ${master}`)
  }
  if (nodes.length === 3) return
  await until('the replicas follow', async () => {
    const infos = await Promise.all(nodes.slice(3).map(({ port }) => redisCommand(port, 'INFO replication')))
    return infos.every((info) => info.includes('master_link_status:up'))
  })
}

/** One command in a connection of its own; resolves with the raw answer, rejects with an error reply. */
export function redisCommand(port: number, command: string): Promise<string> {
  // The answer to a second command tells where that to the first one ends.
  const mark = '+PONG\r\n'
  return new Promise((resolve, reject) => {
    let answer = ''
    const socket = connect(port, '127.0.0.1', () => socket.write(`${command}\r\nPING\r\n`))
    socket.setTimeout(2000, () => socket.destroy(new Error(`no answer to ${command}`)))
    socket.on('data', (chunk) => {
      answer += chunk
      if (answer.endsWith(mark)) socket.destroy()
    })
    socket.on('error', reject)
    socket.on('close', () => {
      if (answer.startsWith('-')) reject(new Error(`${command}: ${answer}`))
      else resolve(answer.slice(0, -mark.length))
    })
  })
}

/** Asks again until it is so. */
export async function until(what: string, isSo: () => Promise<boolean>, within = 10_000): Promise<void> {
  const deadline = performance.now() + within
  while (!(await isSo().catch(() => false))) {
    if (performance.now() > deadline) throw new Error(`not within ${within} ms: ${what}`)
    await sleep(20)
  }
}
