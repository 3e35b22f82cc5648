import { type Sequence, type WalkOptions, walk } from '../../src/index.ts'

/** The texts of all terms of a walk. */
export async function textsOf<State>(sequence: Sequence<State>, options?: WalkOptions<State>): Promise<string[]> {
  const texts: string[] = []
  for await (const batch of walk(sequence, options)) texts.push(...batch.texts)
  return texts
}
