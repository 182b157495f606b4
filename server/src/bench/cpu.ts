/** What this process has spent; from Linux's /proc, as everything about memory here. */
import { readFileSync } from 'node:fs'

/** CPU time of the thread that runs the engine (the process's first), ms. */
export function engineThreadMs(): number {
  const spent = readFileSync(`/proc/self/task/${process.pid}/schedstat`, 'utf8').split(' ')[0]
  return Number(spent ?? 0) / 1e6
}

/** CPU time of all threads, ms. */
export function processMs(): number {
  const { user, system } = process.cpuUsage()
  return (user + system) / 1_000
}

/** Anonymous memory of this process, MB: without what is mapped from files. */
export function rssAnonMb(): number {
  const kb = /^RssAnon:\s+(\d+) kB$/m.exec(readFileSync('/proc/self/status', 'utf8'))?.[1]
  return Math.round(Number(kb ?? 0) / 1_024)
}
