/** The triggers of a customer that await a decision: new ones of this instant, and deferred ones. */
import { type Millis, stateSpec } from '#engine'
import type { Trigger } from '../contract.ts'

export interface OpenTrigger {
  readonly trigger: Trigger
  /** When it is decided, or decided again. */
  readonly due: Millis
  /** How many decisions it has had. */
  readonly ordinal: number
  /** The last of them. */
  readonly continues: string | null
}

export interface DecideState {
  /** In the order (definition, cause); at most one for each. */
  readonly open: readonly OpenTrigger[]
}

export const DECIDE = {
  id: 'decide',
  state: stateSpec<DecideState>({ version: 1, initial: { open: [] } }),
} as const

/** More waiting at once than any set of definitions should bring about. */
export const MAX_OPEN = 100
/** Each takes until the end of a quiet night or a gap; an expiry comes long before. */
export const MAX_DEFERRALS = 50

const nameOf = (open: OpenTrigger): string => `${open.trigger.definition}\n${open.trigger.cause}`

/** Of one cause told twice, the one decided upon more often stands, then the one due later. */
const further = (a: OpenTrigger, b: OpenTrigger): OpenTrigger => {
  if (a.ordinal !== b.ordinal) return a.ordinal > b.ordinal ? a : b
  if (a.due !== b.due) return a.due > b.due ? a : b
  return (a.continues ?? '') >= (b.continues ?? '') ? a : b
}

export function uniteOpen(a: readonly OpenTrigger[], b: readonly OpenTrigger[]): OpenTrigger[] {
  const byName = new Map<string, OpenTrigger>()
  for (const open of [...a, ...b]) {
    const known = byName.get(nameOf(open))
    byName.set(nameOf(open), known === undefined ? open : further(known, open))
  }
  return [...byName].sort(([x], [y]) => (x < y ? -1 : 1)).map(([, open]) => open)
}

/** When the first of them is due; undefined where none waits. */
export const firstDue = (open: readonly OpenTrigger[]): Millis | undefined =>
  open.length === 0 ? undefined : Math.min(...open.map((one) => one.due))
