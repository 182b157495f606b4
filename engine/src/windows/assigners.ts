/**
 * Which windows a record belongs to. An assigner is data: windows are found by arithmetic on it, and
 * two equal assigners are interchangeable. All durations and offsets are whole milliseconds.
 */
import { OpportuneError } from '../errors.ts'
import type { Millis } from '../time.ts'

/** Windows of `size` that start every `slide`; a tumbling window is one with slide = size. */
export interface PaneAssigner {
  readonly kind: 'tumbling' | 'hopping'
  readonly size: Millis
  readonly slide: Millis
  /** Windows start at `offset` plus whole multiples of `slide`, counted from 1970 (UTC). */
  readonly offset: Millis
}

/** Periods of activity, apart by more than `gap`. */
export interface SessionAssigner {
  readonly kind: 'session'
  readonly gap: Millis
  /** Whether a distance of exactly `gap` still belongs together. */
  readonly inclusive: boolean
}

export type Tumbling = PaneAssigner & { readonly kind: 'tumbling' }
export type Hopping = PaneAssigner & { readonly kind: 'hopping' }

/** Windows side by side: each record is in one. @throws window_invalid */
export function tumbling(spec: { readonly size: Millis; readonly offset?: Millis }): Tumbling {
  const { size, offset = 0 } = spec
  mustBePositive('size', size)
  mustBeWhole('offset', offset)
  return { kind: 'tumbling', size, slide: size, offset }
}

/** Overlapping windows: each record is in size/slide of them. @throws window_invalid */
export function hopping(spec: {
  readonly size: Millis
  readonly slide: Millis
  readonly offset?: Millis
}): Hopping {
  const { size, slide, offset = 0 } = spec
  mustBePositive('size', size)
  mustBePositive('slide', slide)
  mustBeWhole('offset', offset)
  if (slide > size)
    throw invalid(`slide ${slide} is longer than size ${size}: records between would be lost`)
  return { kind: 'hopping', size, slide, offset }
}

/** Windows that grow with activity and end `gap` after the last record. @throws window_invalid */
export function session(spec: {
  readonly gap: Millis
  readonly inclusive?: boolean
}): SessionAssigner {
  const { gap, inclusive = false } = spec
  mustBePositive('gap', gap)
  return { kind: 'session', gap, inclusive }
}

/** @throws window_invalid */
export function checkLateness(lateness: Millis): void {
  mustBeWhole('lateness', lateness)
  if (lateness < 0) throw invalid(`lateness ${lateness} is negative`)
}

function mustBePositive(name: string, value: Millis): void {
  mustBeWhole(name, value)
  if (value <= 0) throw invalid(`${name} ${value} is not positive`)
}

function mustBeWhole(name: string, value: Millis): void {
  if (!Number.isSafeInteger(value)) throw invalid(`${name} ${value} is not whole milliseconds`)
}

const invalid = (what: string): OpportuneError =>
  new OpportuneError('window_invalid', `A window's ${what}.`)
