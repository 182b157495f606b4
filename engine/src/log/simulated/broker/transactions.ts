/**
 * The transaction coordinator: one producer per name, of which the newest is obeyed.
 *
 * SB2 `open` makes a producer of the next epoch: what the one before left open is aborted, and nothing
 *    it sends from then on is taken.
 * SB3 A transaction that stays open longer than its time is aborted, and its producer fenced.
 * SB4 A decision is about whatever the producer has open when it arrives: one that comes late decides
 *    the next transaction (Kafka before KIP-890). So whoever does not know what became of a commit must
 *    stop.
 * SB5 Positions are undecided from the moment they are sent until the transaction is decided, and whoever
 *    asks for stable ones has to ask again.
 */
import { OpportuneError } from '../../../errors.ts'
import type { Scheduler } from '../../local/scheduler.ts'
import type { PartitionWrite } from '../../local/store.ts'
import { type EpochPosition, partitionKey, type TopicPartition } from '../../port.ts'
import { type BrokerStore, newTransaction, type Transaction } from './store.ts'

/** What a producer proves itself with. */
export interface Session {
  readonly name: string
  readonly epoch: number
}

interface Producer {
  epoch: number
  open: Transaction | undefined
  /** How the last transaction ended: a decision that is repeated is answered as it was. */
  last: 'committed' | 'aborted' | undefined
  /** The epoch that asked for the present one; undefined where another incarnation did. */
  renewedFrom: number | undefined
  cancelTimeout: () => void
}

export class TransactionCoordinator {
  /** Transactions aborted because their time was up; decisions that met a later transaction. */
  readonly stats = { timeouts: 0, fenced: 0 }
  readonly #store: BrokerStore
  readonly #scheduler: Scheduler
  readonly #timeoutMs: number
  readonly #producers = new Map<string, Producer>()

  constructor(store: BrokerStore, scheduler: Scheduler, timeoutMs: number) {
    this.#store = store
    this.#scheduler = scheduler
    this.#timeoutMs = timeoutMs
  }

  open(name: string): Session {
    let producer = this.#producers.get(name)
    if (producer === undefined) {
      producer = newProducer()
      this.#producers.set(name, producer)
    }
    this.#decide(producer, 'aborted')
    producer.last = producer.renewedFrom = undefined
    producer.epoch++
    return { name, epoch: producer.epoch }
  }

  /** The same producer, of the next epoch: nothing it sent before is taken any more. @throws log_fenced */
  renew(session: Session): Session {
    const producer = this.#producers.get(session.name)
    // The answer to the same request was lost.
    if (producer !== undefined && producer.renewedFrom === session.epoch)
      return { name: session.name, epoch: producer.epoch }
    this.#obeyed(session)
    const renewed = this.open(session.name)
    if (producer !== undefined) producer.renewedFrom = session.epoch
    return renewed
  }

  /** @throws log_fenced */
  begin(session: Session): void {
    this.#transaction(session)
  }

  /** The caller has asked the group whether it may. @throws log_fenced */
  moveTo(session: Session, group: string, positions: readonly EpochPosition[]): void {
    this.#transaction(session).moves.push({ group, positions })
  }

  /** @throws log_fenced */
  produce(session: Session, writes: readonly PartitionWrite[]): void {
    this.#store.produce(this.#transaction(session), writes)
  }

  /** @throws log_fenced, log_abortable */
  end(session: Session, decision: 'committed' | 'aborted'): void {
    const producer = this.#obeyed(session)
    if (producer.open !== undefined) this.#decide(producer, decision)
    else if (decision === 'committed' && producer.last === 'aborted')
      throw new OpportuneError('log_abortable', 'The transaction was aborted before.')
  }

  /** Whether a position of the group may still be moved by what is open. */
  undecided(group: string, partition: TopicPartition): boolean {
    const key = partitionKey(partition)
    return [...this.#producers.values()].some(({ open }) =>
      open?.moves.some(
        (move) => move.group === group && move.positions.some((at) => partitionKey(at) === key),
      ),
    )
  }

  #transaction(session: Session): Transaction {
    const producer = this.#obeyed(session)
    if (producer.open === undefined) {
      producer.open = newTransaction()
      producer.cancelTimeout = this.#scheduler.after(this.#timeoutMs, () => {
        this.stats.timeouts++
        producer.epoch++
        this.#decide(producer, 'aborted')
      })
    }
    return producer.open
  }

  #decide(producer: Producer, decision: 'committed' | 'aborted'): void {
    const { open } = producer
    if (open === undefined) return
    producer.cancelTimeout()
    producer.open = undefined
    producer.last = decision
    this.#store.decide(open, decision)
  }

  #obeyed(session: Session): Producer {
    const producer = this.#producers.get(session.name)
    if (producer?.epoch === session.epoch) return producer
    this.stats.fenced++
    throw new OpportuneError('log_fenced', 'A newer producer has this name.', {
      producer: session.name,
    })
  }
}

const newProducer = (): Producer => ({
  epoch: -1,
  open: undefined,
  last: undefined,
  renewedFrom: undefined,
  cancelTimeout: () => {},
})
