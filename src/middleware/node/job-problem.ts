import { TermsLostError } from '../../core/sequence/job-terms.ts'
import { JobEndedError } from '../../core/sequence/jobs.ts'
import type { Problem } from './problem.ts'

/** Why a job has no more terms, for whoever is outside; undefined for what has nothing to do with jobs. */
export function jobProblem(error: unknown): Problem | undefined {
  if (error instanceof TermsLostError) return gone('The terms are not kept any more: ask for them again')
  if (!(error instanceof JobEndedError)) return undefined
  return error.status === 'cancelled' ? gone('The job was cancelled') : FAILED
}

/** A job whose next term could not be had. */
export const FAILED: Problem = {
  status: 500,
  title: 'Internal Server Error',
  detail: 'The next term of the job could not be had',
}

function gone(detail: string): Problem {
  return { status: 410, title: 'Gone', detail }
}
