import { execFile } from 'node:child_process'
import { mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { requireProgram } from '../support/servers.ts'

export interface CurlAnswer {
  /** As in the status line: 1.0, 1.1 or 2. */
  readonly version: string
  readonly status: number
  readonly headers: Headers
  readonly content: Buffer
}

const endOfReport = '\n=====\n'
const report = ['%{http_version}', '%{response_code}', '%{header_json}'].join('\n') + endOfReport

/**
 * What one curl with these options gives for each address, over one connection where it can. It rejects what it cannot
 * read to the end or cannot decode.
 */
export async function curl(urls: readonly string[], ...options: readonly string[]): Promise<CurlAnswer[]> {
  // curl 7.88 fails when it uses such a connection again.
  if (!options.includes('--http2-prior-knowledge')) return curlTogether(urls, options)
  return (await Promise.all(urls.map((url) => curlTogether([url], options)))).flat()
}

async function curlTogether(urls: readonly string[], options: readonly string[]): Promise<CurlAnswer[]> {
  const folder = mkdtempSync(join(tmpdir(), 'breakwater-curl-'))
  try {
    const file = (index: number): string => join(folder, String(index))
    const targets = urls.flatMap((url, index) => ['--output', file(index), url])
    const words = ['--silent', '--show-error', '--fail-early', '--insecure', '--noproxy', '*', ...options, ...targets]
    const reports = await run([...words, '--write-out', report])
    return reports.split(endOfReport).flatMap((said, index) => (said === '' ? [] : [answerOf(said, file(index))]))
  } finally {
    rmSync(folder, { recursive: true })
  }
}

function run(words: readonly string[]): Promise<string> {
  return new Promise((resolve, reject) => {
    execFile(requireProgram('curl'), words, (error, said) => (error === null ? resolve(said) : reject(error)))
  })
}

function answerOf(report: string, file: string): CurlAnswer {
  const [version = '', status, ...json] = report.split('\n')
  const headers = new Headers()
  for (const [name, values] of Object.entries<string[]>(JSON.parse(json.join('\n')))) {
    for (const value of values) headers.append(name, value)
  }
  return { version, status: Number(status), headers, content: contentOf(file) }
}

/** curl makes no file for an answer without content. */
function contentOf(file: string): Buffer {
  try {
    return readFileSync(file)
  } catch {
    return Buffer.alloc(0)
  }
}
