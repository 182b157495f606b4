/** Refuses state that would be lost or misread, before anything is opened. */
import { OpportuneError } from '../errors.ts'
import type { Layout, SlotSpec } from './port.ts'
import { canMigrate } from './stored-value.ts'

export interface CheckedLayout {
  /**
   * For the notes of this run's checkpoints. A slot keeps the oldest version that may still be
   * stored, because values are rewritten only when their key is: its migrations stay necessary.
   */
  readonly layout: Layout
  /** Ids of operators that are gone, dropped on purpose: their stored values are dead. */
  readonly vanished: readonly string[]
}

/**
 * Compares the layout of the stored state with the slots of this build.
 * @param drops ids whose stored state may be lost, on purpose
 * @throws state_vanished, state_version
 */
export function checkLayout(
  stored: Layout,
  slots: readonly SlotSpec[],
  drops: readonly string[] = [],
): CheckedLayout {
  const current = new Map(slots.map((slot) => [slot.id, slot.state]))
  const oldest = new Map(slots.map((slot) => [slot.id, slot.state.version]))
  const vanished: string[] = []
  for (const { id, version } of stored) {
    const spec = current.get(id)
    const dropped = drops.includes(id)
    if (spec === undefined) {
      if (!dropped)
        throw new OpportuneError('state_vanished', `No operator ${id} is left.`, { slot: id })
      vanished.push(id)
    } else if (canMigrate(version, spec.version, spec.migrate ?? {})) {
      oldest.set(id, version)
    } else if (!dropped) {
      throw new OpportuneError(
        'state_version',
        `State of ${id} is stored in version ${version}; this build has ${spec.version}.`,
        { slot: id, stored: version, current: spec.version },
      )
    }
  }
  return { layout: Array.from(oldest, ([id, version]) => ({ id, version })), vanished }
}
