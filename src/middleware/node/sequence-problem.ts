import type { PageError } from '../../core/sequence/page-error.ts'
import { TITLES } from './page-endpoint.ts'
import type { Problem } from './problem.ts'

/** What a client is told of a request for terms that none can answer. */
export function termsProblem({ status, message, maxSize }: PageError): Problem {
  return { status, title: TITLES[status], detail: message, ...(maxSize !== undefined && { maxLimit: maxSize }) }
}
