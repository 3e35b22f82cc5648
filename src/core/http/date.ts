import { memoised } from './memo.ts'

const DAY = '(?:mon|tue|wed|thu|fri|sat|sun)'
const LONG_DAY = '(?:monday|tuesday|wednesday|thursday|friday|saturday|sunday)'
const MONTHS = ['jan', 'feb', 'mar', 'apr', 'may', 'jun', 'jul', 'aug', 'sep', 'oct', 'nov', 'dec']
const MONTH = `(${MONTHS.join('|')})`
const TIME = '(\\d\\d):(\\d\\d):(\\d\\d)'

const IMF_FIXDATE = new RegExp(`^${DAY}, (\\d\\d) ${MONTH} (\\d{4}) ${TIME} gmt$`, 'i')
const RFC_850 = new RegExp(`^${LONG_DAY}, (\\d\\d)-${MONTH}-(\\d\\d) ${TIME} gmt$`, 'i')
const ASCTIME = new RegExp(`^${DAY} ${MONTH} (\\d\\d| \\d) ${TIME} (\\d{4})$`, 'i')

/** Two-digit years are read from here when no other moment is given; header code has no clock. */
const REFERENCE = Date.UTC(2026, 0, 1)

/** The moments that IMF-fixdate can write: years 0 to 9999. */
const EARLIEST = utc(0, 0, 1, 0, 0, 0) as number
const LATEST = utc(9999, 11, 31, 23, 59, 59) as number

/**
 * Epoch ms of an HTTP-date in one of its three forms (RFC 9110 section 5.6.7); undefined for anything else. The names
 * may be in any case, and the day of the week is not checked against the date.
 *
 * @param now the moment from which a two-digit year is read
 */
export function parseHttpDate(value: string, now: number = REFERENCE): number | undefined {
  const exact = parseExact(value)
  if (exact !== undefined) return exact
  const m = RFC_850.exec(value)
  return m === null ? undefined : nearest(m, Number.isFinite(now) ? now : REFERENCE)
}

/** The two forms that say the whole year; the same few dates come again and again. */
const parseExact = memoised((value): number | undefined => {
  let m = IMF_FIXDATE.exec(value)
  if (m !== null) return fromParts(Number(m[3]), m[2], m[1], m[4], m[5], m[6])
  m = ASCTIME.exec(value)
  return m === null ? undefined : fromParts(Number(m[6]), m[1], m[2], m[3], m[4], m[5])
})

let lastSecond = Number.NaN
let lastFormatted = ''

/** The moment as IMF-fixdate, the only form that may be sent. Mostly it is asked for the same second again. */
export function formatHttpDate(ms: number): string {
  const second = Math.floor(ms / 1000)
  if (second === lastSecond) return lastFormatted
  lastFormatted = new Date(Math.min(Math.max(ms, EARLIEST), LATEST) || 0).toUTCString()
  lastSecond = second
  return lastFormatted
}

/** The latest year with these two digits that is at most 50 years ahead (RFC 9110 section 5.6.7). */
function nearest(m: RegExpExecArray, now: number): number | undefined {
  const moment = new Date(now)
  const limit = moment.setUTCFullYear(moment.getUTCFullYear() + 50)
  const century = new Date(limit).getUTCFullYear()
  const year = century - (century % 100) + Number(m[3])
  const at = fromParts(year, m[2], m[1], m[4], m[5], m[6])
  return at !== undefined && at <= limit ? at : fromParts(year - 100, m[2], m[1], m[4], m[5], m[6])
}

function fromParts(
  year: number,
  month: string | undefined,
  day: string | undefined,
  hours: string | undefined,
  minutes: string | undefined,
  seconds: string | undefined,
): number | undefined {
  return utc(
    year,
    MONTHS.indexOf(String(month).toLowerCase()),
    Number(day),
    Number(hours),
    Number(minutes),
    Number(seconds),
  )
}

/** Like Date.UTC, but years 0 to 99 are what they say, and nothing out of range rolls over except a leap second. */
function utc(year: number, month: number, day: number, h: number, m: number, s: number): number | undefined {
  if (h > 23 || m > 59 || s > 60) return undefined
  const date = new Date(0)
  date.setUTCFullYear(year, month, day)
  return date.getUTCMonth() === month ? date.setUTCHours(h, m, s) : undefined
}
