/** Usual Express middleware, each as somebody would mount it. */
import { createRequire } from 'node:module'
import { Writable } from 'node:stream'
import compression from 'compression'
import cookieParser from 'cookie-parser'
import cors from 'cors'
import type express from 'express'
import { rateLimit } from 'express-rate-limit'
import session from 'express-session'
import helmet from 'helmet'
import morgan from 'morgan'
import { pinoHttp } from 'pino-http'

const require = createRequire(import.meta.url)

export const releases = ['express', 'express4'] as const
export type ExpressRelease = (typeof releases)[number]

export function frameworkOf(release: ExpressRelease): typeof express {
  return require(release) as typeof express
}

const nowhere = (): Writable => new Writable({ write: (_chunk, _encoding, done) => done() })

type Mount = (app: express.Express, framework: typeof express) => void

const each: Record<string, Mount> = {
  'express.json': (app, framework) => void app.use(framework.json()),
  'express.urlencoded': (app, framework) => void app.use(framework.urlencoded({ extended: true })),
  cors: (app) => void app.use(cors()),
  morgan: (app) => void app.use(morgan('combined', { stream: nowhere() })),
  helmet: (app) => void app.use(helmet()),
  'pino-http': (app) => void app.use(pinoHttp(nowhere())),
  'express-rate-limit': (app) => void app.use(rateLimit({ limit: 1000, validate: false })),
  'cookie-parser': (app) => void app.use(cookieParser()),
  'express-session': (app) =>
    void app.use(session({ secret: 'x', resave: false, saveUninitialized: false, store: new session.MemoryStore() })),
  compression: (app) => void app.use(compression({ threshold: 0 })),
  'trust proxy with req.ip': (app) => {
    app.set('trust proxy', true)
    app.use((request, _response, next) => next(request.ip === undefined ? new Error('no address') : undefined))
  },
}

/** Inside the cache a session belongs to its client, and what it reads cannot be told from what the handler reads. */
const OUTSIDE_ONLY = new Set(['express-session'])

/** Name and function; `all` mounts them all together. */
export function middleware(where: 'outside' | 'inside'): [name: string, mount: Mount][] {
  const fit = Object.entries(each).filter(([name]) => where === 'outside' || !OUTSIDE_ONLY.has(name))
  const all: Mount = (app, framework) => {
    for (const [, mount] of fit) mount(app, framework)
  }
  return [...fit, ['all together', all]]
}
