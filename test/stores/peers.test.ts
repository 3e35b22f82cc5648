import { spawnSync } from 'node:child_process'
import { expect, test } from 'vitest'

const root = new URL('../..', import.meta.url)

interface Told {
  readonly ready: string
  readonly again: string
  readonly loaded: boolean
}

/** Makes a store in a process where its package cannot be found, and asks for it twice. */
function withoutPeer(subpath: string, factory: string, options: object, peer: string): Told {
  const program = `
    import { registerHooks } from 'node:module'
    import { ${factory} } from 'breakwater/stores/${subpath}'
    let asked = 0
    registerHooks({
      resolve(name, context, next) {
        if (name !== '${peer}') return next(name, context)
        asked++
        throw Object.assign(new Error("Cannot find package '${peer}'"), { code: 'ERR_MODULE_NOT_FOUND' })
      },
    })
    const store = ${factory}(${JSON.stringify(options)})
    const loaded = asked > 0
    const failure = (promise) => promise.then(() => 'nothing', ({ name, message }) => name + ': ' + message)
    console.log(JSON.stringify({ ready: await failure(store.ready()), again: await failure(store.get('a')), loaded }))`
  const words = ['--conditions=breakwater-source', '--input-type=module', '-e', program]
  const { stdout, stderr, status } = spawnSync(process.execPath, words, { cwd: root, encoding: 'utf8' })
  expect(stderr).toBe('')
  expect(status).toBe(0)
  return JSON.parse(stdout) as Told
}

const keys = { accessKeyId: 'a', secretAccessKey: 's3cret' }

test.each([
  ['redis', 'redisStore', { url: 'redis://u:s3cret@127.0.0.1:1' }, '@redis/client'],
  ['postgres', 'postgresStore', { url: 'postgres://u:s3cret@127.0.0.1:1/db' }, 'pg'],
  ['etcd', 'etcdStore', { hosts: ['http://127.0.0.1:1'], username: 'u', password: 's3cret' }, 'etcd3'],
  ['s3', 's3Store', { endpoint: 'http://127.0.0.1:1', bucket: 'bucket', ...keys }, 'aws4fetch'],
])('a %s store loads its package on first use, and says how to install it', (subpath, factory, options, peer) => {
  const { ready, again, loaded } = withoutPeer(subpath, factory, options, peer)
  expect(loaded).toBe(false)
  for (const told of [ready, again]) {
    expect(told).toContain('StoreError: ')
    expect(told).toContain(`${factory} needs the package ${peer}: npm install ${peer}`)
    expect(told).not.toContain('s3cret')
  }
})
