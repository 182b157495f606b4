/** A task's own state beside its keys: one changelog record an epoch. JSON, infinities as strings. */
import { BEGINNING, END, type Millis } from '../time.ts'
import type { ClockSnapshot } from './clock.ts'
import type { SourceSnapshot } from './source-time.ts'

export interface TaskState {
  readonly epoch: number
  readonly clock: ClockSnapshot
  readonly source: SourceSnapshot | null
  readonly mark: Millis
  readonly sent: Readonly<Record<string, readonly Millis[]>>
  readonly chains: Readonly<Record<string, unknown>>
  /** Kept in changelog records of their own, written when they change. */
  readonly shared: Map<string, unknown>
}

const FORMAT = 1

export function encodeTaskState(state: TaskState): Buffer {
  const { shared: _, ...kept } = state
  return Buffer.from(JSON.stringify({ format: FORMAT, ...kept }, spellInfinity))
}

export function decodeTaskState(bytes: Uint8Array): TaskState {
  const text = Buffer.from(bytes).toString('utf8')
  return { ...(JSON.parse(text, readInfinity) as TaskState), shared: new Map() }
}

/** The whole state with its broadcast values, as one text beside a checkpoint. */
export const encodeWhole = (state: TaskState): string =>
  JSON.stringify({ format: FORMAT, ...state, shared: [...state.shared] }, spellInfinity)

export function decodeWhole(text: string): TaskState {
  const state = JSON.parse(text, readInfinity) as TaskState & { shared: [string, unknown][] }
  return { ...state, shared: new Map(state.shared) }
}

const spellInfinity = (_key: string, value: unknown): unknown =>
  value === END ? '+inf' : value === BEGINNING ? '-inf' : value

const readInfinity = (_key: string, value: unknown): unknown =>
  value === '+inf' ? END : value === '-inf' ? BEGINNING : value
