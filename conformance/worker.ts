/** Process: the suite's own client, once through all tests of a profile. */
import { join } from 'node:path'
import { pathToFileURL } from 'node:url'
import { suiteFile } from './checkout.ts'
import { childInput, tellParent } from './child.ts'
import type { Profile } from './scoring.ts'

/** What a worker is started with. */
export interface WorkerInput {
  readonly folder: string
  readonly base: string
  readonly profile: Profile
}

/** As many tests at once as the suite itself runs. */
const AT_ONCE = 25

const { folder, base, profile } = childInput<WorkerInput>()
const load = (file: string) => import(pathToFileURL(file).href)

if (profile === 'client') (await import('./private-client.ts')).usePrivateCache()
const { runTests, getResults } = await load(suiteFile(folder, 'client/runner.mjs'))
const { default: groups } = await load(join(folder, 'tests/index.mjs'))

// What the suite reports there is in its results as well.
console.error = () => {}
await runTests(groups, profile === 'client', base, AT_ONCE)
tellParent(getResults(), () => process.exit())
