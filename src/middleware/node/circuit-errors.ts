import { flag, knownOptions } from '../../core/options.ts'
import { type Problem, refusal } from './problem.ts'
import { refusedCall } from './refused.ts'

export interface CircuitErrorsOptions {
  /** Whether the 503 names the breaker, which for a registry by origin is a service inside. Default false. */
  readonly exposeName?: boolean | undefined
}

/**
 * What to answer for an error; undefined for one that is no refusal and was caused by none.
 *
 * @throws TypeError with the value quoted.
 */
export function refusalOf(options: CircuitErrorsOptions): (error: unknown) => Problem | undefined {
  knownOptions('circuitBreakerErrors', options, ['exposeName'])
  const exposesName = flag('exposeName', options.exposeName, false)
  return (error) => {
    const refused = refusedCall(error)
    return refused && refusal(refused, exposesName)
  }
}
