import type { Context } from 'koa'
import { type Problem, prepareProblem } from '../node/problem.ts'

/** Answers with a problem document as middleware does, so that what lies outside works on it. */
export function putProblem(ctx: Context, problem: Problem): void {
  ctx.status = problem.status
  ctx.body = prepareProblem(ctx.res, problem)
}
