/** One subject as a server of its own process; tells its CPU time when asked. */
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { settings } from './settings.ts'
import { SUBJECTS, type SubjectName } from './subjects/index.ts'
import type { Settings } from './subjects/subject.ts'

const { subject, ...given } = await settings<Omit<Settings, 'ran'> & { subject: SubjectName }>()
let runs = 0
const make = await SUBJECTS[subject]()
const listener = make({ ...given, ran: () => void runs++ })
const server = createServer((request, response) => void listener(request, response))

process.on('message', () => {
  const { user, system } = process.cpuUsage()
  process.send?.({ cpu: user + system, runs, resident: process.memoryUsage.rss() })
})
process.on('disconnect', () => process.exit())

server.listen(0, '127.0.0.1', () => process.send?.({ port: (server.address() as AddressInfo).port }))
