/** What a replay came to, for people. */
import type { ReplayResult } from '../../replay/replay.ts'
import { number, printable } from '../text.ts'

export function replayText(result: ReplayResult): string {
  const { read, accepted, duplicates, rejected, late, sessions, triggers, decisions } = result
  const lines: [string, string][] = [
    ['read', number(read)],
    ['accepted', number(accepted)],
    ['duplicates', number(duplicates)],
    ['rejected', counted(rejected)],
    ['late', number(late)],
    ['sessions', number(sessions)],
    ['triggers', counted(triggers)],
    ['decisions', counted(decisions)],
    ['seconds', result.seconds.toFixed(1)],
    ['events per second', number(result.events_per_second)],
    ['output hash', result.output_hash],
  ]
  return lines.map(([name, of]) => `${name.padEnd(18)}${of}\n`).join('')
}

/** `7 (invalid_json 4, id_missing 3)` */
export function counted(counts: Readonly<Record<string, number>>): string {
  const entries = Object.entries(counts).sort((a, b) => b[1] - a[1] || (a[0] < b[0] ? -1 : 1))
  const total = entries.reduce((sum, [, n]) => sum + n, 0)
  const parts = entries.map(([name, n]) => `${printable(name)} ${n}`).join(', ')
  return parts === '' ? String(total) : `${total} (${parts})`
}
