import { knownOptions, optionalFunction, optionalSignal, positiveInteger, quote } from '../options.ts'

/** Something that runs a request through a mount so that its answer is recorded: a listener or a dispatcher. */
export interface Runner {
  /** Whether this runner is for such a URL. */
  serves(url: URL): boolean
  /** Runs a GET; resolves with whether the answer was stored, rejects if there was no answer. */
  run(url: URL, signal: AbortSignal | undefined): Promise<boolean>
}

export interface WarmOptions {
  /** Requests at a time. Default 4. */
  readonly concurrency?: number
  readonly signal?: AbortSignal
  /** Told after each URL. */
  readonly onProgress?: (progress: WarmProgress) => void
}

export interface WarmProgress {
  readonly url: string
  readonly done: number
  readonly total: number
  readonly stored: boolean
  readonly error?: unknown
}

export interface WarmReport {
  readonly stored: number
  /** Answered but not stored; `inspect` says why. */
  readonly refused: number
  readonly failed: number
}

/** Runs all URLs through the first runner that serves them. Stops at `signal` and then rejects with its reason. */
export async function warmAll(
  runners: readonly Runner[],
  urls: Iterable<string>,
  options: WarmOptions,
): Promise<WarmReport> {
  knownOptions('warm', options, ['concurrency', 'signal', 'onProgress'])
  const concurrency = positiveInteger('concurrency', options.concurrency, 4)
  const onProgress = optionalFunction('onProgress', options.onProgress)
  const signal = optionalSignal('signal', options.signal)
  const list = listOf(urls)
  if (runners.length === 0) {
    throw new TypeError(
      'warm has nothing to run requests through: wrap the listener in shield(), compose the undici cache(), ' +
        'or let the Express or Koa mount see its first request',
    )
  }
  const report = { stored: 0, refused: 0, failed: 0 }
  let next = 0
  let done = 0
  const worker = async (): Promise<void> => {
    while (next < list.length) {
      signal?.throwIfAborted()
      const url = list[next++] as URL
      const outcome = await runOne(runners, url, signal)
      signal?.throwIfAborted()
      report[outcome.kind]++
      const progress = { url: url.href, done: ++done, total: list.length, stored: outcome.kind === 'stored' }
      onProgress?.(outcome.error === undefined ? progress : { ...progress, error: outcome.error })
    }
  }
  await Promise.all(Array.from({ length: Math.min(concurrency, list.length) }, worker))
  return report
}

interface WarmOutcome {
  readonly kind: keyof WarmReport
  readonly error?: unknown
}

async function runOne(runners: readonly Runner[], url: URL, signal: AbortSignal | undefined): Promise<WarmOutcome> {
  const runner = runners.find((candidate) => candidate.serves(url))
  if (runner === undefined) return { kind: 'failed', error: new Error(`No mount serves ${url.href}`) }
  try {
    return { kind: (await runner.run(url, signal)) ? 'stored' : 'refused' }
  } catch (error) {
    return { kind: 'failed', error }
  }
}

function listOf(urls: unknown): URL[] {
  if (typeof urls === 'object' && urls !== null && Symbol.iterator in urls) {
    return [...(urls as Iterable<unknown>)].map(parse)
  }
  throw new TypeError(`warm takes an iterable of URLs, not ${quote(urls)}`)
}

function parse(url: unknown): URL {
  if (typeof url === 'string' && /^https?:/i.test(url) && URL.canParse(url)) return new URL(url)
  throw new TypeError(`warm takes absolute http(s) URLs, not ${quote(url)}`)
}
