export interface Settings {
  /** The origin to go to, such as `https://example.org`; undefined for the built-in one. */
  readonly origin: string | undefined
  /** undefined: 3000, or a free one if that is taken. */
  readonly port: number | undefined
}

export interface Problem {
  readonly problem: string
}

const usage = 'Usage: npm start, or npm start -- https://any.origin; PORT in the environment chooses the port.'

/** What the command line and the environment ask for, or a sentence about what is wrong with it. */
export function readSettings(words: readonly string[], port: string | undefined): Settings | Problem {
  const [word, ...more] = words
  if (more.length > 0) return { problem: `One origin at most, not ${words.length} arguments. ${usage}` }
  if (word !== undefined && !isOrigin(word)) {
    return { problem: `"${word}" is not an origin: http or https, a host, and nothing after it. ${usage}` }
  }
  if (port && !(/^\d{1,5}$/.test(port) && Number(port) <= 65_535)) {
    return { problem: `PORT must be a number from 0 to 65535, not "${port}". ${usage}` }
  }
  return { origin: word && new URL(word).origin, port: port ? Number(port) : undefined }
}

function isOrigin(word: string): boolean {
  if (!/^https?:\/\/[^/]/i.test(word) || !URL.canParse(word)) return false
  const { origin, href } = new URL(word)
  return href === `${origin}/`
}
