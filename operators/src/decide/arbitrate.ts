/**
 * Which of the candidates of one instant wins (ARB-2), and why the others lost (ARB-3). Pure.
 *
 * AR1 Among the candidates whose channel is open to the customer, and on the channel they prefer
 *     where their campaign can use it (CHN-1), the one worth most wins if it is worth more than
 *     nothing, which is 0. Ties: the higher priority, then the smaller id.
 * AR2 Where no channel is open, the best of the closed ones stands for all: the guardrails then say
 *     in full why it is not sent.
 */
import type { Channel } from '../contract.ts'
import { candidateId, type ScoredCandidate } from './candidates.ts'
import type { LosingReason } from './reasons.ts'

export interface Entry {
  readonly candidate: ScoredCandidate
  /** The reason for which its channel is closed to the customer; null: it is open. */
  readonly closed: string | null
}

export interface Lost {
  readonly candidate: ScoredCandidate
  readonly reason: string
}

export interface Outcome {
  readonly winner: ScoredCandidate | null
  readonly lost: readonly Lost[]
}

const better = (a: ScoredCandidate, b: ScoredCandidate): number => {
  if (a.worth !== b.worth) return b.worth - a.worth
  if (a.priority !== b.priority) return b.priority - a.priority
  return candidateId(a) < candidateId(b) ? -1 : 1
}

export function arbitrate(entries: readonly Entry[], preferred: Channel | null): Outcome {
  const lost: Lost[] = []
  const open: ScoredCandidate[] = []
  for (const { candidate, closed } of entries) {
    if (closed !== null) lost.push({ candidate, reason: closed })
    else if (losesToPreferred(candidate, entries, preferred))
      lost.push({ candidate, reason: 'other_channel_preferred' satisfies LosingReason })
    else open.push(candidate)
  }
  if (open.length === 0) return standIn(lost)
  const [first, ...rest] = open.sort(better)
  const winner = first !== undefined && first.worth > 0 ? first : null
  const others = winner === null ? open : rest
  const reason: LosingReason = winner === null ? 'not_above_nothing' : 'worth_less'
  return { winner, lost: inOrder([...lost, ...others.map((candidate) => ({ candidate, reason }))]) }
}

const losesToPreferred = (
  candidate: ScoredCandidate,
  entries: readonly Entry[],
  preferred: Channel | null,
): boolean =>
  preferred !== null &&
  candidate.channel !== preferred &&
  entries.some(
    (other) =>
      other.closed === null &&
      other.candidate.channel === preferred &&
      other.candidate.campaign === candidate.campaign &&
      other.candidate.trigger === candidate.trigger,
  )

/** AR2. */
function standIn(lost: readonly Lost[]): Outcome {
  const [first] = lost.map((entry) => entry.candidate).sort(better)
  return {
    winner: first ?? null,
    lost: inOrder(lost.filter((entry) => entry.candidate !== first)),
  }
}

const inOrder = (lost: readonly Lost[]): Lost[] =>
  [...lost].sort((a, b) => better(a.candidate, b.candidate))
