import { spawnSync } from 'node:child_process'
import { mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { basename, join } from 'node:path'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { ask, patience, root, start } from './program.ts'

const pages = [
  'README.md',
  'docs/cache.md',
  'docs/circuit-breaker.md',
  'docs/compression.md',
  'docs/own-store.md',
  'docs/pagination.md',
  'docs/sequences.md',
]

interface Block {
  readonly page: string
  /** What stands behind the language: `run` for a program that is started here. */
  readonly mark: string
  readonly code: string
}

/** The blocks of TypeScript in a page. Each is a program of its own. */
function blocks(page: string): Block[] {
  const text = readFileSync(join(root, page), 'utf8')
  const found = text.matchAll(/^```ts(?: (\w+))?\n(.*?)^```$/gms)
  return [...found].map(([, mark = '', code = '']) => ({ page, mark, code }))
}

describe('the code in the documentation', () => {
  // In the repository, so that `breakwater` is this package.
  let folder: string

  beforeAll(() => {
    folder = mkdtempSync(join(root, '.blocks-'))
  })
  afterAll(() => {
    rmSync(folder, { recursive: true, force: true })
  })

  const write = (name: string, code: string): string => {
    const file = join(folder, name)
    writeFileSync(file, code)
    return file
  }

  test('agrees with the types', { timeout: 2 * patience }, () => {
    for (const page of pages) {
      blocks(page).forEach(({ code }, i) => write(`${basename(page, '.md')}-${i + 1}.ts`, code))
    }
    expect(readdirSync(folder).length).toBeGreaterThan(8)
    const settings = {
      extends: '../tsconfig.json',
      compilerOptions: { moduleDetection: 'force', typeRoots: ['../node_modules/@types'] },
      include: ['*.ts'],
    }
    const project = write('tsconfig.json', JSON.stringify(settings))
    const compiler = join(root, 'node_modules/typescript/bin/tsc')
    const { stdout, status } = spawnSync(process.execPath, [compiler, '-p', project], { encoding: 'utf8' })
    expect(stdout).toBe('')
    expect(status).toBe(0)
  })

  test('the first example does what the text below it says', { timeout: patience }, async () => {
    const [block] = blocks('README.md').filter(({ mark }) => mark === 'run')
    const printed = 'app.listen(0, "127.0.0.1", function () { console.log("http://127.0.0.1:" + this.address().port) })'
    const program = start(write('first.js', (block as Block).code.replace('app.listen(3000)', printed)))
    try {
      const product = `${await program.address()}/products/42`
      expect((await ask(product)).cache).toBe('Breakwater; fwd=uri-miss; stored')
      expect((await ask(product)).cache).toMatch(/^Breakwater; hit; ttl=\d+$/)
      const headers = { 'content-type': 'application/json' }
      expect((await ask(product, { method: 'PUT', headers, body: '{"name":"buoy"}' })).status).toBe(204)
      const after = await ask(product)
      expect(after.cache).toBe('Breakwater; fwd=uri-miss; stored')
      expect(after.text).toBe('{"name":"buoy"}')
    } finally {
      await program.stop()
    }
  })

  test('the first circuit breaker does what its comments say', { timeout: patience }, async () => {
    const [block] = blocks('docs/circuit-breaker.md').filter(({ mark }) => mark === 'run')
    const program = start(write('breaker.js', (block as Block).code))
    expect(await program.ended()).toBe(0)
    const refused = 'not asked, open'
    expect(program.lines()).toEqual([...Array(3).fill('asked, failed'), refused, 'an answer', 'closed'])
  })

  test.each([1, 2])(
    'a page is decoded and stored in both orders of composition: %i',
    { timeout: patience },
    async (i) => {
      const block = blocks('docs/compression.md').filter(({ mark }) => mark === 'run')[i]
      const program = start(write(`upstream-${i}.ts`, (block as Block).code))
      expect(await program.ended()).toBe(0)
      const [first, second] = program.lines()
      expect(first).toBe('a page Breakwater; fwd=uri-miss; stored')
      expect(second).toMatch(/^a page Breakwater; hit; ttl=\d+$/)
    },
  )

  test('the first page and paginate() do what their comments say', { timeout: patience }, async () => {
    const [router, pure] = blocks('docs/pagination.md').filter(({ mark }) => mark === 'run')
    const printed = 'app.listen(0, "127.0.0.1", function () { console.log("http://127.0.0.1:" + this.address().port) })'
    const served = start(write('pages.js', (router as Block).code.replace('app.listen(3000)', printed)))
    try {
      const { status, headers, text } = await ask(`${await served.address()}/books?page=2&sort=id`)
      const [first, last] = ['?sort=id&page=1&size=20', '?sort=id&page=3&size=20']
      const links = `<${first}>; rel="first", <${first}>; rel="prev", <${last}>; rel="next", <${last}>; rel="last"`
      expect([status, headers.get('link'), headers.get('x-total-count')]).toEqual([200, links, '45'])
      expect(text).toMatch(/^\[{"id":21},{"id":22},/)
    } finally {
      await served.stop()
    }
    const program = start(write('paginate.ts', (pure as Block).code))
    expect(await program.ended()).toBe(0)
    const said = [...(pure as Block).code.matchAll(/^console\.log\(.*\) \/\/ (.*)$/gm)].map(([, line]) => line)
    expect(program.lines()).toEqual(said)
  })

  test('the first sequence and one of your own do what the page says', { timeout: patience }, async () => {
    const [router, own] = blocks('docs/sequences.md').filter(({ mark }) => mark === 'run')
    const printed = 'app.listen(0, "127.0.0.1", function () { console.log("http://127.0.0.1:" + this.address().port) })'
    const served = start(write('sequence.js', (router as Block).code.replace('app.listen(3000)', printed)))
    try {
      const terms = `${await served.address()}/fibonacci/terms`
      expect((await ask(`${terms}?start=3&limit=3`)).text).toBe('{"start":3,"terms":["2","3","5"],"count":3}')
      expect((await ask(`${terms}/10`)).text).toBe('{"index":10,"term":"55"}')
      const { headers, text } = await ask(`${terms}?limit=2`, { headers: { accept: 'application/x-ndjson' } })
      expect(headers.get('content-type')).toBe('application/x-ndjson')
      expect(text).toBe('{"index":0,"term":"0"}\n{"index":1,"term":"1"}\n')
    } finally {
      await served.stop()
    }
    const program = start(write('triangles.ts', (own as Block).code))
    expect(await program.ended()).toBe(0)
    expect(program.lines()).toEqual([/ \/\/ (.*)$/m.exec((own as Block).code)?.[1]])
  })

  test('the first compression counts what the text below it says', { timeout: patience }, async () => {
    const [block] = blocks('docs/compression.md').filter(({ mark }) => mark === 'run')
    const printed = 'app.listen(0, "127.0.0.1", function () { console.log("http://127.0.0.1:" + this.address().port) })'
    const program = start(write('compression.js', (block as Block).code.replace('app.listen(3000)', printed)))
    try {
      const address = await program.address()
      for (let i = 0; i < 2; i++) {
        // It decodes.
        const answer = await fetch(`${address}/prices`, { headers: { 'accept-encoding': 'gzip' } })
        expect(answer.headers.get('content-encoding')).toBe('gzip')
        expect(answer.headers.get('vary')).toBe('Accept-Encoding')
        expect(await answer.json()).toHaveLength(500)
      }
      const { gzip } = JSON.parse((await ask(`${address}/counts`)).text)
      expect(gzip).toMatchObject({ encoded: 1, reused: 1 })
    } finally {
      await program.stop()
    }
  })

  test('relative links lead somewhere', () => {
    const headings = (page: string): string[] =>
      [...readFileSync(join(root, page), 'utf8').matchAll(/^#+ (.*)$/gm)].map(([, title = '']) =>
        title
          .toLowerCase()
          .replace(/[^\w\- ]/g, '')
          .replaceAll(' ', '-'),
      )
    for (const page of pages) {
      const links = [...readFileSync(join(root, page), 'utf8').matchAll(/\]\(([^)]+)\)/g)].map(([, to = '']) => to)
      expect(links.length).toBeGreaterThan(3)
      for (const link of links.filter((to) => !/^https?:/.test(to))) {
        const [path = '', fragment] = link.split('#')
        const target = path === '' ? page : join(page, '..', path)
        expect(() => readdirSync(join(root, target, '..')), link).not.toThrow()
        expect(readdirSync(join(root, target, '..')), link).toContain(basename(target))
        if (fragment !== undefined) expect(headings(target), link).toContain(fragment)
      }
    }
  })
})
