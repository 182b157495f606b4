/**
 * What chaos runs: a few days of a small shop's calls, so that every topic gets something: sessions,
 * triggers, decisions, messages, two identities that turn out to be one, repeats, and lines that are
 * no calls.
 */
import { writeFileSync } from 'node:fs'
import { clickstream, introductions } from '#benchmarks'
import { days } from '#engine'

export interface Workload {
  readonly customers: number
  readonly events: number
  readonly seed: number
}

const START = Date.UTC(2026, 0, 5, 9)
const LENGTH = days(2)
/** One call in so many is sent twice, one line in so many is broken, one visitor in so many is new. */
const REPEATED = 17
const BROKEN = 29
const ANONYMOUS = 23

/** Writes it as lines for `--format ndjson`. */
export function writeWorkload(file: string, { customers, events, seed }: Workload): void {
  const rate = (1_000 * events) / LENGTH
  const met = introductions({ customers, seed, startAt: START - days(1), rate: 1 })
  const lines = [...met].map(({ bytes }) => bytes.toString())
  const calls = clickstream({ customers, events, seed, startAt: START, rate })
  let n = 0
  for (const { bytes, time, userId } of calls) {
    const line = bytes.toString()
    n++
    if (n % ANONYMOUS === 0) lines.push(...becomesKnown(n, userId, time))
    lines.push(line)
    if (n % REPEATED === 0) lines.push(line)
    if (n % BROKEN === 0) lines.push(line.slice(0, line.length / 2))
  }
  writeFileSync(file, `${lines.join('\n')}\n`)
}

/** A visitor looks at something, and then says who she is. */
function becomesKnown(n: number, userId: string, time: number): readonly string[] {
  const anonymousId = `visitor-${n}`
  const timestamp = new Date(time).toISOString()
  const call = (more: object): string => JSON.stringify({ anonymousId, timestamp, ...more })
  return [
    call({ type: 'page', name: 'Home', messageId: `look-${n}` }),
    call({ type: 'identify', userId, messageId: `known-${n}`, traits: {} }),
  ]
}
