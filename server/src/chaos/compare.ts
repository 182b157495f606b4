/** Two outcomes side by side: how many records, states and rows one lacks or has too many. */
import type { Outcome } from './outcome.ts'

export interface Mismatches {
  /** Records of the undisturbed run that are not there. */
  lost: number
  /** Records that are there more often than in the undisturbed run, or only here. */
  duplicated: number
  state_mismatches: number
  /** Rows too few or too many in ClickHouse, and broken audit chains. */
  analytics_mismatches: number
  /** The first few, in words. */
  readonly examples: string[]
}

const MOST_EXAMPLES = 5
const SHOWN = 300

export function compareOutcomes(expected: Outcome, actual: Outcome): Mismatches {
  const found: Mismatches = {
    lost: 0,
    duplicated: 0,
    state_mismatches: 0,
    analytics_mismatches: actual.chain_faults,
    examples: actual.chain_faults === 0 ? [] : ['an audit chain is broken'],
  }
  const note = (what: string, line: string): void => {
    if (found.examples.length < MOST_EXAMPLES)
      found.examples.push(`${what}: ${line.slice(0, SHOWN)}`)
  }
  for (const topic of namesOf(expected.topics, actual.topics)) {
    const { missing, extra } = difference(expected.topics[topic], actual.topics[topic])
    found.lost += missing.length
    found.duplicated += extra.length
    for (const line of missing) note(`lost from topic ${topic}`, line)
    for (const line of extra) note(`too much in topic ${topic}`, line)
  }
  for (const key of namesOf(expected.state, actual.state))
    if (expected.state[key] !== actual.state[key]) {
      found.state_mismatches++
      note('state', key)
    }
  for (const table of namesOf(expected.tables, actual.tables)) {
    const { missing, extra } = difference(expected.tables[table], actual.tables[table])
    found.analytics_mismatches += missing.length + extra.length
    for (const line of missing) note(`lost from table ${table}`, line)
    for (const line of extra) note(`too much in table ${table}`, line)
  }
  return found
}

const namesOf = (a: object, b: object): ReadonlySet<string> =>
  new Set([...Object.keys(a), ...Object.keys(b)])

/** Two lists as multisets. */
function difference(expected: readonly string[] = [], actual: readonly string[] = []) {
  const left = new Map<string, number>()
  for (const line of actual) left.set(line, (left.get(line) ?? 0) + 1)
  const missing: string[] = []
  for (const line of expected) {
    const count = left.get(line) ?? 0
    if (count === 0) missing.push(line)
    else left.set(line, count - 1)
  }
  const extra = [...left].flatMap(([line, count]) => Array.from({ length: count }, () => line))
  return { missing, extra }
}
