/** A private etcd for tests. */
import { mkdtempSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { freePort, launchServer, requireProgram, startServer, type TestServer } from './servers.ts'

export interface EtcdServer extends TestServer {
  readonly url: string
  /** Does one call of its JSON gateway, such as `kv/range`. */
  ask(path: string, request: object, token?: string): Promise<Record<string, unknown>>
}

/** What an etcd shows its clients, and what it asks of them; files in PEM. */
export interface EtcdTls {
  readonly cert: string
  readonly key: string
  /** Clients must show a certificate that this one vouches for. */
  readonly clientAuthority?: string
}

/**
 * Starts an empty etcd of our own, a cluster of one. After a restart it has what it had. With `tls` its gateway cannot
 * be asked.
 */
export async function startEtcd(tls?: EtcdTls): Promise<EtcdServer> {
  const program = requireProgram('etcd')
  const folder = mkdtempSync(join(tmpdir(), 'breakwater-etcd-'))
  const peer = `http://127.0.0.1:${await freePort()}`
  // Says how it is to everybody, whatever it asks of its clients.
  const metrics = `http://127.0.0.1:${await freePort()}`
  const urlOf = (port: number) => `${tls === undefined ? 'http' : 'https'}://127.0.0.1:${port}`
  const launch = (port: number) => {
    const settings = { ...settingsOf(urlOf(port), peer, metrics, join(folder, 'data')), ...tlsSettings(tls) }
    const args = Object.entries(settings).map(([name, value]) => `--${name}=${value}`)
    return launchServer(program, args, () => isHealthy(metrics))
  }

  const server = await startServer(launch, folder)
  const url = urlOf(server.port)
  return { ...server, url, ask: (path, request, token) => askGateway(`${url}/v3/${path}`, request, token) }
}

/** Quicker elections than usual: a member that starts again is alone and need not wait for others. */
function settingsOf(client: string, peer: string, metrics: string, folder: string): Record<string, string> {
  return {
    'data-dir': folder,
    'listen-client-urls': client,
    'advertise-client-urls': client,
    'listen-metrics-urls': metrics,
    'listen-peer-urls': peer,
    'initial-advertise-peer-urls': peer,
    'initial-cluster': `default=${peer}`,
    'heartbeat-interval': '20',
    'election-timeout': '200',
    'log-level': 'warn',
  }
}

function tlsSettings(tls: EtcdTls | undefined): Record<string, string> {
  if (tls === undefined) return {}
  const { cert, key, clientAuthority } = tls
  const files = { 'cert-file': cert, 'key-file': key }
  return clientAuthority === undefined
    ? files
    : { ...files, 'client-cert-auth': 'true', 'trusted-ca-file': clientAuthority }
}

async function isHealthy(url: string): Promise<boolean> {
  try {
    const answer = await fetch(`${url}/health`, { signal: AbortSignal.timeout(1000) })
    return ((await answer.json()) as { health?: unknown }).health === 'true'
  } catch {
    return false
  }
}

async function askGateway(url: string, request: object, token?: string): Promise<Record<string, unknown>> {
  const headers = token === undefined ? {} : { authorization: token }
  const answer = await fetch(url, { method: 'POST', body: JSON.stringify(request), headers })
  const said = (await answer.json()) as Record<string, unknown>
  if (!answer.ok) throw new Error(`etcd answered ${JSON.stringify(said)}`)
  return said
}
