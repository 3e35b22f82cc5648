import { availableParallelism, cpus } from 'node:os'

/** The machine in general words. */
export function machine(): string {
  const model =
    cpus()[0]
      ?.model.replace(/\((R|TM)\)|CPU|@.*/g, '')
      .replace(/ +/g, ' ')
      .trim() ?? 'unknown processor'
  return `${availableParallelism()} cores (${model}), ${process.platform} ${process.arch}, Node ${process.versions.node}`
}
