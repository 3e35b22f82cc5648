import type { PageError, PageErrorStatus } from '../../core/sequence/page-error.ts'
import type { Problem } from './problem.ts'

const TITLES: Record<PageErrorStatus, string> = {
  400: 'Bad Request',
  416: 'Range Not Satisfiable',
  422: 'Unprocessable Content',
}

/** What a client is told of a request for a page that none can answer. */
export function pageProblem({ status, message, maxSize }: PageError): Problem {
  return { status, title: TITLES[status], detail: message, ...(maxSize !== undefined && { maxSize }) }
}

/** The same of a request for terms. */
export function termsProblem(error: PageError): Problem {
  const { maxSize, ...problem } = pageProblem(error)
  return { ...problem, ...(maxSize !== undefined && { maxLimit: maxSize }) }
}
