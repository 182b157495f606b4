/**
 * Which records of two streams may meet, by event time alone. A reach is arithmetic, not state.
 *
 * It answers for a record of either side and time `at`: `closes`, the latest task time at which such a
 * record is on time; `low` and `high`, between which (both included) its partners' times lie.
 */
import type { Millis } from '../time.ts'
import { checkSpan, invalidJoin } from './join.ts'

export interface Reach {
  readonly kind: 'interval' | 'tumbling'
  readonly words: string
  closes(at: Millis): Millis
  low(left: boolean, at: Millis): Millis
  high(left: boolean, at: Millis): Millis
  /**
   * Whether a held record of time `held` is the one that a new one of its side and time `at` would
   * double, where the side is unique; `oldest` is the time of the oldest record that is still taken.
   */
  rivals(left: boolean, held: Millis, at: Millis, oldest: Millis): boolean
  /** How much later than needed a record may be forgotten, so that few timers forget many. */
  readonly slack: Millis
}

/**
 * A right record of time t + d meets a left one of time t for d from -before to +after.
 * @throws join_invalid
 */
export function within(spec: { readonly before?: Millis; readonly after?: Millis }): Reach {
  const { before = 0, after = 0 } = spec
  checkSpan('before', before)
  checkSpan('after', after)
  return {
    kind: 'interval',
    words: `within -${before}..+${after} ms`,
    closes: (at) => at,
    low: (left, at) => at - (left ? before : after),
    high: (left, at) => at + (left ? after : before),
    rivals: (left, held, _at, oldest) => held + (left ? after : before) >= oldest,
    slack: Math.ceil((before + after) / 4),
  }
}

/**
 * Records meet that lie in the same window [start, start + size).
 * @throws join_invalid
 */
export function sameWindow(spec: { readonly size: Millis; readonly offset?: Millis }): Reach {
  const { size, offset = 0 } = spec
  checkSpan('size', size)
  if (size === 0) throw invalidJoin("'size' is 0")
  if (!Number.isSafeInteger(offset)) throw invalidJoin(`'offset' is ${offset}`)
  const start = (at: Millis): Millis => Math.floor((at - offset) / size) * size + offset
  return {
    kind: 'tumbling',
    words: `same window of ${size} ms`,
    closes: (at) => start(at) + size - 1,
    low: (_left, at) => start(at),
    high: (_left, at) => start(at) + size - 1,
    rivals: (_left, held, at) => start(held) === start(at),
    slack: 0,
  }
}
