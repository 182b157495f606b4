/**
 * Stored form of window states: a head of varints and each accumulator in its own codec, length first.
 * The state's version (StateSpec) stands for this layout and the accumulator's shape together.
 */
import { ByteReader, type ByteWriter } from '../codec/bytes.ts'
import { type Codec, jsonCodec } from '../codec/codec.ts'
import { assert } from '../errors.ts'
import type { Pane, PaneState } from './panes.ts'
import { panesOf, stateOf } from './panes.ts'
import type { Session, SessionState, ToldResult } from './sessions.ts'
import { sessionStateOf, sessionsOf } from './sessions.ts'

export function paneStateCodec<A>(accumulator: Codec<A> = jsonCodec<A>()): Codec<PaneState<A>> {
  const nested = nestedCodec(accumulator)
  return {
    name: `panes(${accumulator.name})`,
    write(state, out) {
      assert(state.count > 0, 'a key without panes is cleared, not stored')
      assert(state.orphans.length === 0, 'orphans are emitted in the step that finds them')
      const panes = panesOf(state)
      out.signed(state.due)
      out.varint(panes.length)
      for (const pane of panes) {
        out.signed(pane.start)
        out.varint(pane.count)
        nested.write(pane.acc, out)
      }
    },
    read(bytes) {
      const reader = new ByteReader(bytes)
      const due = reader.signed()
      const panes: Pane<A>[] = []
      for (let left = reader.varint(); left > 0; left--) {
        const start = reader.signed()
        const count = reader.varint()
        panes.push({ start, acc: nested.read(reader), count })
      }
      return stateOf(panes, due)
    },
  }
}

const FIRED = 1
/** Every told result is stored with its accumulator. */
const RETRACTABLE = 2

export function sessionStateCodec<A>(
  accumulator: Codec<A> = jsonCodec<A>(),
): Codec<SessionState<A>> {
  const nested = nestedCodec(accumulator)
  return {
    name: `sessions(${accumulator.name})`,
    write(state, out) {
      assert(state.count > 0, 'a key without sessions is cleared, not stored')
      const sessions = sessionsOf(state)
      out.varint(sessions.length)
      for (const s of sessions) {
        out.signed(s.start)
        out.varint(s.last - s.start)
        out.varint(s.count)
        const retractable = s.told.some((told) => told.acc !== undefined)
        out.byte((s.fired ? FIRED : 0) | (retractable ? RETRACTABLE : 0))
        out.varint(s.told.length)
        for (const told of s.told) {
          out.text(told.key)
          out.signed(told.start)
          out.varint(told.end - told.start)
          if (retractable) nested.write(told.acc as A, out)
        }
        nested.write(s.acc, out)
      }
    },
    read(bytes) {
      const reader = new ByteReader(bytes)
      const sessions: Session<A>[] = []
      for (let left = reader.varint(); left > 0; left--) sessions.push(readSession(reader, nested))
      return sessionStateOf(sessions)
    },
  }
}

function readSession<A>(reader: ByteReader, nested: Nested<A>): Session<A> {
  const start = reader.signed()
  const last = start + reader.varint()
  const count = reader.varint()
  const flags = reader.byte()
  const told: ToldResult<A>[] = []
  for (let left = reader.varint(); left > 0; left--) {
    const key = reader.text()
    const toldStart = reader.signed()
    const window = { key, start: toldStart, end: toldStart + reader.varint() }
    told.push((flags & RETRACTABLE) === 0 ? window : { ...window, acc: nested.read(reader) })
  }
  return { start, last, acc: nested.read(reader), count, fired: (flags & FIRED) !== 0, told }
}

interface Nested<A> {
  write(acc: A, out: ByteWriter): void
  read(reader: ByteReader): A
}

/** A codec reads from exactly its bytes, so inside a larger value they need their length in front. */
function nestedCodec<A>(codec: Codec<A>): Nested<A> {
  return {
    write(acc, out) {
      const begun = out.beginValue()
      codec.write(acc, out)
      out.endValue(begun)
    },
    read: (reader) => codec.read(reader.bytes()),
  }
}
