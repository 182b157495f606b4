/**
 * Partitions as a broker keeps them: records of undecided transactions lie among the others, and
 * nothing behind the first undecided one is read (the last stable offset).
 *
 * SB1 Every decision takes an offset of its own in each partition that the transaction wrote to. Records
 *    of an aborted one leave a gap.
 */
import { assert } from '../../../errors.ts'
import type { Frame } from '../../local/frame.ts'
import type { Change, PartitionWrite } from '../../local/store.ts'
import { type EpochPosition, partitionKey } from '../../port.ts'
import { MemoryStore, type Shelf } from '../memory-store.ts'

/** What a producer has open. */
export interface Transaction {
  state: 'open' | 'committed' | 'aborted'
  /** Partitions that it wrote to: topic and number by `partitionKey`. */
  readonly touched: Map<string, PartitionWrite>
  readonly moves: { readonly group: string; readonly positions: readonly EpochPosition[] }[]
}

export const newTransaction = (): Transaction => ({ state: 'open', touched: new Map(), moves: [] })

/** What lies behind the last stable offset; without a frame: a marker. */
interface Unstable {
  readonly frame: Frame | undefined
  readonly transaction: Transaction | undefined
  readonly end: number
}

export class BrokerStore extends MemoryStore {
  readonly #unstable = new Map<Shelf, Unstable[]>()
  readonly #listeners = new Set<(topics: readonly string[]) => void>()

  constructor(now: () => number) {
    super(true, now)
  }

  /** Whether records wait for somebody to decide a transaction. */
  get undecided(): boolean {
    return [...this.#unstable.values()].some((list) => list.length > 0)
  }

  /** @param listener hears which topics have new records for readers */
  onVisible(listener: (topics: readonly string[]) => void): void {
    this.#listeners.add(listener)
  }

  /** Appends outside transactions. */
  override async commit(change: Change): Promise<void> {
    assert(change.positions.length === 0, 'positions are moved by transactions')
    for (const write of change.writes) this.#add(write, undefined)
    this.#tell(change.writes)
  }

  produce(transaction: Transaction, writes: readonly PartitionWrite[]): void {
    assert(transaction.state === 'open', 'a decided transaction takes no more records')
    for (const write of writes) {
      transaction.touched.set(partitionKey(write), write)
      this.#add(write, transaction)
    }
  }

  decide(transaction: Transaction, state: 'committed' | 'aborted'): void {
    transaction.state = state
    const touched = [...transaction.touched.values()]
    for (const { topic, partition } of touched) {
      const shelf = this.shelf(topic, partition)
      this.#lay(shelf, { frame: undefined, transaction: undefined, end: this.#written(shelf) + 1 })
    }
    if (state === 'committed')
      for (const { group, positions } of transaction.moves) this.move(group, positions)
    this.#tell(touched)
  }

  #add({ topic, partition, frames }: PartitionWrite, transaction: Transaction | undefined): void {
    const shelf = this.shelf(topic, partition)
    for (const frame of frames) {
      frame.place(this.#written(shelf))
      this.#lay(shelf, { frame, transaction, end: frame.end })
    }
  }

  /** The offset that the next record or marker takes. */
  #written(shelf: Shelf): number {
    return this.#unstable.get(shelf)?.at(-1)?.end ?? shelf.end
  }

  #lay(shelf: Shelf, entry: Unstable): void {
    let list = this.#unstable.get(shelf)
    if (list === undefined) this.#unstable.set(shelf, (list = []))
    list.push(entry)
    for (let first = list[0]; first !== undefined; first = list[0]) {
      if (first.transaction?.state === 'open') return
      list.shift()
      shelf.end = first.end
      if (first.frame === undefined || first.transaction?.state === 'aborted') continue
      shelf.frames.push(first.frame)
      shelf.bytes += first.frame.length
    }
  }

  #tell(writes: readonly PartitionWrite[]): void {
    const topics = writes.map((write) => write.topic)
    for (const listener of this.#listeners) listener(topics)
  }
}
