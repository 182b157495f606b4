/**
 * Hand-overs: one key's state on its way to another key of the same stage (`Context.transfer`).
 *
 * H1 The state leaves its key and is in the inbox in the same epoch: it is never in two places.
 * H2 At the target each operator's `merge` decides; a repeated link changes nothing.
 */
import { ByteWriter } from '../codec/bytes.ts'
import { type Codec, jsonCodec } from '../codec/codec.ts'
import type { KeyEntry, KeyedStore } from '../state/port.ts'
import type { Millis } from '../time.ts'
import type { ProcessNode } from '../topology/plan.ts'

/** The inbox edge of hand-overs; inputs are numbered from 0 and are never this many. */
export const MERGE_EDGE = 16_383

export interface HandOver {
  readonly from: string
  readonly link: string
  /** By operator id: the state's bytes, base64; absent where the key had none. */
  readonly states: Readonly<Record<string, string>>
}

export const handOverCodec: Codec<HandOver> = jsonCodec<HandOver>()
const json = jsonCodec<unknown>()

interface Packing {
  readonly store: KeyedStore
  readonly entry: KeyEntry
  /** The slot that asked; it stays. */
  readonly except: number
  readonly link: string
  readonly operators: readonly ProcessNode[]
  readonly now: Millis
}

export function packHandOver(packing: Packing): HandOver {
  const { store, entry, operators, now } = packing
  const states: Record<string, string> = {}
  const scratch = new ByteWriter(512)
  for (const [slot, { operator }] of operators.entries()) {
    if (slot === packing.except) continue
    const value = store.get(entry, slot)
    if (value !== operator.state.initial) {
      scratch.reset()
      ;(operator.state.codec ?? json).write(value, scratch)
      states[operator.id] = scratch.view().toString('base64')
      store.clear(entry, slot, now)
    }
  }
  for (const timer of store.timers(entry))
    if (timer.slot !== packing.except) store.cancelTimer(entry, timer.slot, timer.name)
  return { from: entry.key, link: packing.link, states }
}

interface Taking {
  readonly store: KeyedStore
  readonly entry: KeyEntry
  readonly operators: readonly ProcessNode[]
  readonly now: Millis
}

export function takeHandOver(handOver: HandOver, taking: Taking): void {
  const { store, entry, now } = taking
  for (const [slot, { operator }] of taking.operators.entries()) {
    const bytes = handOver.states[operator.id]
    if (bytes === undefined) continue
    const theirs = (operator.state.codec ?? json).read(Buffer.from(bytes, 'base64'))
    const { merge } = operator
    if (merge === 'cancel') store.clear(entry, slot, now)
    else if (typeof merge === 'function')
      store.set(entry, slot, merge(store.get(entry, slot), theirs, now), now)
  }
}
