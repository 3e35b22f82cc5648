import type { IncomingMessage } from 'node:http'
import { acceptedType } from '../../core/http/accept.ts'
import { prefersAsync } from '../../core/http/prefer.ts'
import { rangeApplies } from '../../core/http/range.ts'
import { matchesAny } from '../../core/http/validators.ts'
import { quote } from '../../core/options.ts'
import { countedFormat, type FormatName, formats, type TermFormat, termFormat } from '../../core/sequence/formats.ts'
import { itemContentRange, requestedItems } from '../../core/sequence/item-range.ts'
import { type Admission, admitPage } from '../../core/sequence/job-admission.ts'
import { formatLinks, uriText } from '../../core/sequence/link.ts'
import { PageError } from '../../core/sequence/page-error.ts'
import { integerOf, type OwnParameters, ownParameters } from '../../core/sequence/parameters.ts'
import { splitTarget } from '../../core/sequence/query.ts'
import { ExcessiveTerms, planRange, planTerms, type TermBounds, type TermPlan } from '../../core/sequence/term-plan.ts'
import type { TermReader } from '../../core/sequence/term-reader.ts'
import { entityTag } from './entity-tag.ts'
import { KnownPages } from './known-pages.ts'
import type { PageFields } from './page-answer.ts'
import { termsProblem } from './page-problem.ts'
import { poolProblem } from './problem.ts'
import { problem, type SequenceAnswer } from './sequence-answer.ts'
import { SequenceAsked, type SequenceCall } from './sequence-asked.ts'
import { JOB_METHODS, JobEndpoint } from './sequence-jobs.ts'
import { linksAround } from './sequence-links.ts'
import { type SequenceRouterOptions, type SequenceSettings, sequenceSettings } from './sequence-options.ts'
import { readTerms } from './sequence-reading.ts'
import { pathBelow, routeOf, type SequenceRoute } from './sequence-route.ts'
import { SequenceUpgrade, type SequenceUpgrades } from './sequence-upgrade.ts'

/** A page that is not refused. */
type Admitted = Exclude<Admission, { kind: 'refused' }>

/** Terms as they are asked for. */
interface AskedTerms {
  readonly format: TermFormat
  readonly start: number
  /** Undefined: as many as the sequence has it. */
  readonly limit: number | undefined
  /** The fields that the answer depends on. */
  readonly vary: readonly string[]
  /** Whether the URL says which terms they are, for good. */
  readonly isFixed: boolean
}

/** Terms to answer with, and what is said of them. */
interface Wanted {
  readonly plan: TermPlan
  readonly format: TermFormat
  readonly status: 200 | 206
  readonly fields: PageFields
  /** Those of the fields that a 304 has, too. */
  readonly validity: PageFields
  /** Names the content before it is computed; undefined where it cannot. */
  readonly etag: string | undefined
  /** `count`: how many terms there are; undefined before that is known. */
  linksOf(count: number | undefined): string
  /** What is answered where there is not one of them. */
  readonly none: SequenceAnswer | undefined
  /** Where the terms come from, if not from where all do. */
  readonly reader?: Pick<TermReader, 'read'> | undefined
}

const METHODS = 'GET, HEAD, OPTIONS'
const TERM_NAMES = ['start', 'limit', 'format'] as const
const FORMAT_NAMES = Object.keys(formats) as FormatName[]
const TYPES = [...new Set(Object.values(formats).map(({ type }) => type))]
const PASS: SequenceAnswer = { kind: 'pass' }

/** Answers requests for terms of a sequence. Decides; reading, and what may take time, is behind a promise. */
export class SequenceEndpoint {
  /** For clients over WebSocket. */
  readonly upgrades: SequenceUpgrades
  readonly #settings: SequenceSettings
  readonly #counted: TermFormat | undefined
  readonly #jobs: JobEndpoint | undefined
  readonly #pages = new KnownPages()
  /** By the names of formats. */
  readonly #names = new Map<string, string>()

  /** @throws TypeError or RangeError with the value quoted. */
  constructor(options: SequenceRouterOptions) {
    this.#settings = sequenceSettings(options)
    this.upgrades = new SequenceUpgrade(this.#settings)
    const { counted, jobs } = this.#settings
    this.#counted = counted && countedFormat(counted)
    this.#jobs = jobs && new JobEndpoint(jobs, this.#settings)
  }

  /** At once where nothing has to be computed. @throws by the promise: what the sequence throws. */
  answer(call: SequenceCall): SequenceAnswer | Promise<SequenceAnswer> {
    const { method, url = '/' } = call.request
    const known = this.#knownPage(call)
    if (known !== undefined) return { kind: 'head', status: 304, fields: known }
    const { path, query } = splitTarget(url)
    const local = pathBelow(this.#settings.prefix, path)
    const route = local === undefined ? undefined : routeOf(local)
    if (local === undefined || route === undefined) return PASS
    if ('id' in route && this.#jobs === undefined) return PASS
    const methods = route.kind === 'job' ? JOB_METHODS : METHODS
    if (method === 'OPTIONS') return { kind: 'head', status: 204, fields: { Allow: methods } }
    if (method !== 'GET' && !methods.split(', ').includes(method ?? '')) return notAllowed(methods)
    if ('id' in route && method === 'DELETE') return (this.#jobs as JobEndpoint).cancel(route.id)
    const asked = new SequenceAsked(call, local, query, this.#settings.isAbsolute)
    try {
      return this.#route(asked, route)
    } catch (error) {
      if (error instanceof ExcessiveTerms) return this.#again(asked, route, error)
      if (error instanceof PageError) return refused(error)
      throw error
    }
  }

  /** Behind a trusted proxy an answer depends on what that says, too. */
  #knownPage({ request, origin }: SequenceCall): PageFields | undefined {
    const isRead = request.method === 'GET' || request.method === 'HEAD'
    return isRead && origin === undefined ? this.#pages.find(request) : undefined
  }

  /** What is too much where nothing is kept may not be where the terms before it are: the store is asked only then. */
  async #again(asked: SequenceAsked, route: SequenceRoute, excessive: ExcessiveTerms): Promise<SequenceAnswer> {
    asked.kept = await this.#settings.reader.keptBefore(excessive.start)
    if (asked.kept === undefined) return refused(excessive)
    try {
      return await this.#route(asked, route)
    } catch (error) {
      if (error instanceof PageError) return refused(error)
      throw error
    }
  }

  #route(asked: SequenceAsked, route: SequenceRoute): SequenceAnswer | Promise<SequenceAnswer> {
    switch (route.kind) {
      case 'term':
        return this.#term(asked, route.index)
      case 'terms':
        return this.#terms(asked)
      case 'job':
        return (this.#jobs as JobEndpoint).status(asked, route.id)
      case 'job-terms':
        return (this.#jobs as JobEndpoint).terms(asked, route.id)
      case 'stream':
        return notUpgraded(asked)
      case 'root': {
        const own = this.#counted && ownParameters(asked.query, ['count'])
        const count = own?.asked.get('count')
        if (this.#counted === undefined || count === undefined) return this.#descriptor(asked)
        return this.#countedTerms(asked, this.#counted, integerOf('count', count, 0))
      }
    }
  }

  #descriptor(asked: SequenceAsked): SequenceAnswer {
    if (acceptedType(asked.headers.accept, ['application/json']) === undefined) return notAcceptable()
    const { sequence, limit, limits } = this.#settings
    const { id, version, length = null, deterministic } = sequence
    const types = Object.fromEntries(Object.values(formats).map(({ name, type }) => [name, type]))
    const links = {
      terms: `${asked.root}/terms{?start,limit,format}`,
      term: `${asked.root}/terms/{index}`,
      job: this.#jobs && `${asked.root}/jobs/{id}`,
    }
    const text = JSON.stringify({ id, version, length, deterministic, formats: types, limit, limits, links })
    const fields = {
      ETag: entityTag([text]),
      'Cache-Control': this.#settings.cacheControl.open,
      Vary: ['Accept', ...asked.vary].join(', '),
    }
    if (matchesAny(asked.headers['if-none-match'], fields.ETag)) return { kind: 'head', status: 304, fields }
    const typed = { ...fields, 'Content-Type': 'application/json' }
    if (asked.isHead) return { kind: 'head', status: 200, fields: typed }
    return { kind: 'whole', status: 200, fields: typed, body: Buffer.from(text) }
  }

  #countedTerms(asked: SequenceAsked, format: TermFormat, count: number): SequenceAnswer | Promise<SequenceAnswer> {
    if (acceptedType(asked.headers.accept, [format.type]) === undefined) return notAcceptable()
    const terms: AskedTerms = { format, start: 0, limit: count, vary: ['Accept', ...asked.vary], isFixed: false }
    const unchanged = this.#unchanged(asked, terms)
    if (unchanged !== undefined) return unchanged
    const plan = this.#plan(asked, terms)
    return this.#answer(asked, this.#wanted(terms, { plan, linksOf: () => '' }))
  }

  #term(asked: SequenceAsked, text: string): SequenceAnswer | Promise<SequenceAnswer> {
    const format = termFormat
    if (acceptedType(asked.headers.accept, [format.type]) === undefined) return notAcceptable()
    const { sequence } = this.#settings
    const index = integerOf('The index of a term', text, 0)
    const none = notFound(sequence.length)
    if (sequence.length !== undefined && index >= sequence.length) return none
    const terms: AskedTerms = { format, start: index, limit: 1, vary: ['Accept', ...asked.vary], isFixed: false }
    const unchanged = this.#unchanged(asked, terms)
    if (unchanged !== undefined) return unchanged
    const admission = this.#admission(asked, terms)
    const query = asked.query === '' ? '' : `?${uriText(asked.query)}`
    const at = (neighbour: number): string => `${asked.root}/terms/${neighbour}${query}`
    const links = [
      ...(index > 0 ? [{ rel: 'prev', href: at(index - 1) }] : []),
      ...(index + 1 < (sequence.length ?? Infinity) ? [{ rel: 'next', href: at(index + 1) }] : []),
    ]
    const linksOf = (): string => formatLinks(links)
    const wantedOf = (plan: TermPlan): Wanted => ({ ...this.#wanted(terms, { plan, linksOf }), none })
    if (admission.kind === 'later') return this.#later(asked, format, admission, wantedOf)
    return this.#answer(asked, wantedOf(admission.plan))
  }

  #terms(asked: SequenceAsked): SequenceAnswer | Promise<SequenceAnswer> {
    const own = ownParameters(asked.query, TERM_NAMES)
    const start = numberOf(own, 'start', 0)
    const limit = numberOf(own, 'limit', 1)
    const named = own.asked.get('format')
    const format = named === undefined ? acceptedFormat(asked.headers) : namedFormat(named)
    if (format === undefined) return notAcceptable()
    const takesRanges = format.hasRanges && start === undefined && limit === undefined
    const terms: AskedTerms = {
      format,
      start: start ?? 0,
      limit,
      vary: [...(named === undefined ? ['Accept'] : []), ...(takesRanges ? ['Range'] : []), ...asked.vary],
      isFixed: start !== undefined && limit !== undefined,
    }
    const unchanged = this.#unchanged(asked, terms)
    if (unchanged !== undefined) return unchanged
    const ranged = takesRanges && !asked.isHead ? this.#range(asked, format) : undefined
    const wantedOf = (plan: TermPlan): Wanted => {
      const linked = { bounds: this.#bounds(format, asked), isKept: this.#settings.sequence.deterministic }
      const linksOf = (count: number | undefined): string =>
        ranged === undefined ? linksAround(asked, linked, plan, own, count) : ''
      return this.#wanted(terms, { plan, isRange: ranged !== undefined, takesRanges, linksOf })
    }
    const admission: Admitted = ranged === undefined ? this.#admission(asked, terms) : { kind: 'now', plan: ranged }
    if (admission.kind === 'later') return this.#later(asked, format, admission, wantedOf)
    const wanted = wantedOf(admission.plan)
    if (ranged !== undefined) return this.#answer(asked, { ...wanted, none: refused(new PageError(416, NOTHING)) })
    if (!format.isLive) return this.#answer(asked, wanted)
    // A stream that has no more terms than the reader knows must not be opened again (HTML, section 9.2.3).
    const resumed = resumedAfter(wanted.plan, asked.headers['last-event-id'])
    const none: SequenceAnswer = { kind: 'head', status: 204, fields: { 'Cache-Control': LIVE['Cache-Control'] } }
    return resumed.count === 0 ? none : this.#answer(asked, { ...wanted, plan: resumed, none })
  }

  #range(asked: SequenceAsked, format: TermFormat): TermPlan | undefined {
    const range = requestedItems(asked.headers.range)
    if (range === undefined || !rangeApplies(asked.headers, { etag: this.#tag(format, 0, undefined) })) return undefined
    return planRange(this.#bounds(format, asked), range)
  }

  #plan(asked: SequenceAsked, { format, start, limit }: AskedTerms): TermPlan {
    return planTerms(this.#bounds(format, asked), start, limit)
  }

  /**
   * The answer where the client names the tag of what it asks for. What costs too much is as good as any other then: it
   * will not be read.
   */
  #unchanged(asked: SequenceAsked, terms: AskedTerms): SequenceAnswer | undefined {
    const { format, start, limit } = terms
    const ifNoneMatch = asked.headers['if-none-match']
    // Any will do for *, so that the client may have none.
    if (limit === undefined || ifNoneMatch === undefined || ifNoneMatch.trim() === '*') return undefined
    const count = Math.max(0, Math.min(limit, (this.#settings.sequence.length ?? Infinity) - start))
    const tag = this.#tag(format, start, count)
    if (tag === undefined || !matchesAny(ifNoneMatch, tag)) return undefined
    const fields = this.#validity(terms, tag)
    if (!asked.isAbsolute) this.#pages.keep(asked.request, fields)
    return { kind: 'head', status: 304, fields }
  }

  /** Only whole pages and single terms are computed in the background: streams begin at once. */
  #admission(asked: SequenceAsked, terms: AskedTerms): Admitted {
    const { format, start, limit } = terms
    const { job } = this.#settings.limits
    if (job === undefined || format.isStream) return { kind: 'now', plan: this.#plan(asked, terms) }
    const prefersLater = prefersAsync(asked.headers.prefer) && !asked.isHead
    const admission = admitPage(this.#bounds(format, asked), job, { start, limit, prefersLater })
    if (admission.kind === 'refused') throw admission.error
    return admission
  }

  /**
   * The page where it is there already or may be gone on to, else a job. Vary does not name Prefer: a 202 is never stored,
   * and who has a page may give it to those who would rather not have waited for it (RFC 7240 section 2).
   */
  async #later(
    asked: SequenceAsked,
    format: TermFormat,
    { plan, instead }: Extract<Admitted, { kind: 'later' }>,
    wantedOf: (plan: TermPlan) => Wanted,
  ): Promise<SequenceAnswer> {
    const jobs = this.#jobs as JobEndpoint
    const continued = instead === undefined ? await this.#continued(asked, format, plan) : undefined
    if (continued !== undefined) return this.#answer(asked, wantedOf(continued))
    if (asked.isHead) return { kind: 'head', status: 202, fields: { 'Cache-Control': 'no-store' } }
    const reader = await jobs.finished(plan)
    if (reader !== undefined) return this.#answer(asked, { ...wantedOf(plan), reader })
    const answer = await jobs.accept(asked, plan, prefersAsync(asked.headers.prefer))
    return answer.kind === 'problem' && instead !== undefined ? this.#answer(asked, wantedOf(instead)) : answer
  }

  /** What is too much where nothing is kept, and not where the terms before it are. */
  async #continued(asked: SequenceAsked, format: TermFormat, { start, size }: TermPlan): Promise<TermPlan | undefined> {
    asked.kept = await this.#settings.reader.keptBefore(start)
    if (asked.kept === undefined) return undefined
    try {
      return planTerms(this.#bounds(format, asked), start, size)
    } catch (error) {
      if (error instanceof ExcessiveTerms) return undefined
      throw error
    }
  }

  #bounds({ isStream }: TermFormat, { kept }: SequenceAsked): TermBounds {
    const { reader, sequence, limit, limits } = this.#settings
    return { reader, length: sequence.length, limit, limits: isStream ? limits.stream : limits.page, kept }
  }

  #wanted(
    terms: AskedTerms,
    given: {
      readonly plan: TermPlan
      readonly isRange?: boolean
      readonly takesRanges?: boolean
      readonly linksOf: Wanted['linksOf']
    },
  ): Wanted {
    const { format } = terms
    const { plan, isRange = false, takesRanges = false, linksOf } = given
    // All ranges are parts of one thing.
    const etag = isRange ? this.#tag(format, 0, undefined) : this.#tag(format, plan.start, plan.count)
    const validity = this.#validity(terms, etag)
    const fields = {
      ...validity,
      'Accept-Ranges': takesRanges ? 'items' : undefined,
      'Content-Range': isRange ? rangeText(plan, this.#settings.sequence.length) : undefined,
      ...(format.isLive && LIVE),
    }
    return { plan, format, status: isRange ? 206 : 200, fields, validity, etag, linksOf, none: undefined }
  }

  #validity({ format, vary, isFixed }: AskedTerms, etag: string | undefined): PageFields {
    const { fixed, open } = this.#settings.cacheControl
    return {
      ETag: etag,
      // What comes as it is made may end with an error: it is kept only where it can be told from the whole.
      'Cache-Control': (isFixed ? fixed : open) ?? (format.failure === undefined ? undefined : 'no-store'),
      Vary: vary.join(', '),
    }
  }

  /** Strong: it names all that decides the bytes. */
  #tag(format: TermFormat, start: number, count: number | undefined): string | undefined {
    if (!this.#settings.sequence.deterministic || format.isLive) return undefined
    return count === undefined ? `"${this.#nameOf(format)}"` : `"${this.#nameOf(format)}-${start}-${count}"`
  }

  /** What a sequence in a format is told apart by, hashed once. */
  #nameOf({ name, version: formatVersion }: TermFormat): string {
    const { id, version } = this.#settings.sequence
    const known = this.#names.get(name) ?? entityTag([id, version, name, `${formatVersion}`]).slice(1, -1)
    this.#names.set(name, known)
    return known
  }

  #answer(asked: SequenceAsked, wanted: Wanted): SequenceAnswer | Promise<SequenceAnswer> {
    const { etag, fields, validity, format, linksOf } = wanted
    if (etag !== undefined && matchesAny(asked.headers['if-none-match'], etag)) {
      return { kind: 'head', status: 304, fields: validity }
    }
    if (!asked.isHead) return this.#read(asked, wanted)
    return { kind: 'head', status: 200, fields: { ...fields, 'Content-Type': format.type, Link: linksOf(undefined) } }
  }

  async #read({ response }: SequenceAsked, wanted: Wanted): Promise<SequenceAnswer> {
    const { plan, format, status, fields, linksOf, none } = wanted
    const { heartbeat, sequence } = this.#settings
    const read = await readTerms(response, wanted.reader ?? this.#settings.reader, {
      sequence: sequence.id,
      span: plan,
      format,
      promised: status === 206 ? plan.count : undefined,
      heartbeat,
      mayEndBroken: fields['Cache-Control']?.includes('no-store') ?? false,
    })
    if (read.kind === 'gone') return { kind: 'gone' }
    if (read.kind === 'refused') return { kind: 'problem', problem: poolProblem(read.error) }
    if (read.kind === 'whole' && read.count === 0 && none !== undefined) return none
    const count = read.kind === 'whole' ? read.count : undefined
    const links = linksOf(count)
    const all = { ...fields, 'Content-Type': format.type, Link: links }
    if (read.kind === 'stream') return { kind: 'stream', status, fields: all, content: read.content }
    if (status === 200) return { kind: 'whole', status, fields: all, body: read.body }
    const contentRange = rangeText({ ...plan, count: read.count }, sequence.length)
    return { kind: 'whole', status, fields: { ...all, 'Content-Range': contentRange }, body: read.body }
  }
}

const NOTHING = 'The sequence has no terms in this range'
const LIVE = { 'Cache-Control': 'no-store, no-transform', 'X-Accel-Buffering': 'no' } as const

function numberOf({ asked }: OwnParameters, name: string, least: number): number | undefined {
  const text = asked.get(name)
  return text === undefined ? undefined : integerOf(name, text, least)
}

function acceptedFormat({ accept }: IncomingMessage['headers']): TermFormat | undefined {
  const type = acceptedType(accept, TYPES)
  return Object.values(formats).find((format) => format.type === type)
}

function namedFormat(name: string): TermFormat {
  if (Object.hasOwn(formats, name)) return formats[name as FormatName]
  throw new PageError(400, `format must be one of ${FORMAT_NAMES.join(', ')}, not ${quote(name)}`)
}

/** What a reader of events has not seen yet. */
function resumedAfter(plan: TermPlan, lastEventId: string | string[] | undefined): TermPlan {
  if (lastEventId === undefined || lastEventId === '') return plan
  const seen = integerOf('Last-Event-ID', `${lastEventId}`, 0)
  const start = Math.min(Math.max(plan.start, seen + 1), plan.start + plan.count)
  return { ...plan, start, count: plan.start + plan.count - start }
}

function rangeText({ start, count }: TermPlan, length: number | undefined): string {
  return itemContentRange(start, start + count - 1, length)
}

function refused(error: PageError): SequenceAnswer {
  return { kind: 'problem', problem: termsProblem(error), fields: { 'Content-Range': error.contentRange } }
}

function notAllowed(methods: string): SequenceAnswer {
  return problem(405, 'Method Not Allowed', `It takes ${methods}`, { Allow: methods })
}

function notUpgraded({ root, isHttp1 }: SequenceAsked): SequenceAnswer {
  const detail = `Here are terms over WebSocket; without it they are at ${root}/terms`
  // HTTP/2 forbids both fields (RFC 9113 section 8.2.2).
  return problem(426, 'Upgrade Required', detail, isHttp1 ? { Connection: 'Upgrade', Upgrade: 'websocket' } : {})
}

function notAcceptable(): SequenceAnswer {
  return problem(406, 'Not Acceptable', `Terms are given as ${TYPES.join(', ')}`, { Vary: 'Accept' })
}

function notFound(length: number | undefined): SequenceAnswer {
  const known = length === undefined ? 'The sequence ends before it' : `The sequence has ${length} terms`
  return problem(404, 'Not Found', known)
}
