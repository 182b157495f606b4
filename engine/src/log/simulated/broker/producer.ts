/**
 * The transactional producer of a member: one step after the other, each a request that may be lost.
 *
 * As the Kafka log does it (its N1 to N3): one producer a name; positions first, records
 * at the commit; after a commit without an answer nothing is sent any more.
 */
import { findError, OpportuneError } from '../../../errors.ts'
import type { PartitionWrite } from '../../local/store.ts'
import type { EpochPosition } from '../../port.ts'
import { Expelled, type GroupCoordinator, type Identity } from './groups.ts'
import type { Session, TransactionCoordinator } from './transactions.ts'

/** A request that got no answer in time. */
export class Unanswered extends Error {
  override readonly name = 'Unanswered'
}

export interface ProducerHost {
  readonly name: string
  readonly group: string
  readonly transactions: TransactionCoordinator
  readonly coordinator: GroupCoordinator
  /** Does `what` at the brokers. @throws Unanswered after `ms` */
  readonly ask: <T>(what: () => T, ms: number) => Promise<T>
  readonly requestMs: number
  readonly commitMs: number
  /** As of the moment of the call. */
  readonly identity: () => Identity
  /** The group has given our partitions away. */
  readonly expelled: () => void
  readonly fenced: () => void
  readonly unknown: () => void
}

export class Producer {
  readonly #host: ProducerHost
  #session: Session | undefined
  /** What is under way; the next step waits for it. */
  #turn: Promise<unknown> = Promise.resolve()
  #open = false
  /** A request may still be on its way: only a producer of another epoch is safe from it. */
  #doubtful = false
  #ended: OpportuneError | undefined

  constructor(host: ProducerHost) {
    this.#host = host
  }

  async connect(): Promise<void> {
    const { ask, transactions, name, requestMs } = this.#host
    while (this.#session === undefined)
      try {
        this.#session = await ask(() => transactions.open(name), requestMs)
      } catch (error) {
        if (!(error instanceof Unanswered)) throw error
      }
  }

  /** @throws log_abortable, log_fenced */
  sendPositions(positions: readonly EpochPosition[]): Promise<void> {
    return this.#next(async (session) => {
      const { transactions, coordinator, group } = this.#host
      this.#open = true
      await this.#step(() => transactions.begin(session))
      if (positions.length === 0) return
      const identity = this.#host.identity()
      // Nobody checks who claims no membership.
      if (identity.generation < 0)
        throw new OpportuneError('log_abortable', 'The group has no place for us at present.')
      await this.#step(() => {
        coordinator.check(identity)
        transactions.moveTo(session, group, positions)
      })
    })
  }

  /** @throws log_abortable, log_fenced, log_commit_unknown */
  commit(writes: readonly PartitionWrite[]): Promise<void> {
    return this.#next(async (session) => {
      const { transactions, ask, commitMs } = this.#host
      await this.#step(() => transactions.produce(session, writes))
      try {
        await ask(() => transactions.end(session, 'committed'), commitMs)
        this.#open = false
      } catch (error) {
        throw this.#noted(
          error instanceof Unanswered
            ? new OpportuneError('log_commit_unknown', 'Nobody said what became of the commit.')
            : error,
        )
      }
    })
  }

  abort(): Promise<void> {
    return this.#next(async (session) => {
      if (!this.#open) return
      const { transactions, ask, requestMs } = this.#host
      for (;;)
        try {
          if (this.#doubtful)
            this.#session = await ask(() => transactions.renew(session), requestMs)
          else await ask(() => transactions.end(session, 'aborted'), requestMs)
          this.#open = this.#doubtful = false
          return
        } catch (error) {
          this.#doubtful = true
          if (!(error instanceof Unanswered)) throw this.#noted(error)
        }
    })
  }

  async close(): Promise<void> {
    await this.abort().catch(() => {})
    this.#ended ??= new OpportuneError('log_closed', 'The member was closed.')
  }

  async #step(what: () => void): Promise<void> {
    try {
      await this.#host.ask(what, this.#host.requestMs)
    } catch (error) {
      if (error instanceof Expelled) this.#host.expelled()
      if (error instanceof Unanswered) this.#doubtful = true
      if (error instanceof Expelled || error instanceof Unanswered)
        throw new OpportuneError('log_abortable', error.message, {}, error)
      throw this.#noted(error)
    }
  }

  #next<T>(step: (session: Session) => Promise<T>): Promise<T> {
    const run = this.#turn.then(() => {
      if (this.#ended !== undefined) throw this.#ended
      if (this.#session === undefined)
        throw new OpportuneError('log_closed', 'The producer was not connected.')
      return step(this.#session)
    })
    this.#turn = run.catch(() => {})
    return run
  }

  /** Remembers errors after which nothing may follow. */
  #noted(error: unknown): unknown {
    const known = findError(error)
    if (known?.class !== 'fatal') return error
    this.#ended ??= known
    if (known.code === 'log_fenced') this.#host.fenced()
    if (known.code === 'log_commit_unknown') this.#host.unknown()
    return error
  }
}
