/** The slots of a store: the operators' by index, then the store's own for timers and links. */
import type { Codec } from '../codec/codec.ts'
import { assert } from '../errors.ts'
import { linksCodec } from './links.ts'
import { LINKS_SLOT, type SlotSpec, TIMERS_SLOT } from './port.ts'
import { Slot } from './stored-value.ts'
import { timerCodec } from './timer-list.ts'

export class SlotTable {
  readonly all: readonly Slot[]
  readonly timers: number
  readonly links: number
  readonly #byId: ReadonlyMap<string, number>

  /** @param drops slots whose values of versions without migration read as absent, on purpose */
  constructor(specs: readonly SlotSpec[], drops: readonly string[]) {
    const ids = specs.map((spec) => spec.id)
    this.all = [...specs, own(TIMERS_SLOT, timerCodec(ids)), own(LINKS_SLOT, linksCodec)].map(
      (spec) => new Slot(spec, drops.includes(spec.id)),
    )
    this.timers = ids.length
    this.links = ids.length + 1
    this.#byId = new Map(this.all.map((slot, index) => [slot.id, index]))
    assert(this.#byId.size === this.all.length, 'slot ids are unique')
  }

  at(index: number): Slot {
    const slot = this.all[index]
    assert(slot !== undefined, 'a slot is an index into the slots given at opening')
    return slot
  }

  /** undefined: an operator that this build does not have. */
  indexOf(id: string): number | undefined {
    return this.#byId.get(id)
  }
}

const own = <T>(id: string, codec: Codec<T>): SlotSpec => ({
  id,
  state: { version: 1, initial: undefined, codec: codec as Codec<unknown> },
})
