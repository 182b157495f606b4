/**
 * One open epoch. Its transaction begins at once and takes the positions with it, so that whoever
 * claims one of the partitions next has to wait for its end; its records stay here until the commit.
 *
 * Ownership is captured when the epoch begins and compared before the commit: the brokers check that
 * we are a member, not that the partition is still ours (L3).
 */
import { assert, findError, OpportuneError } from '../../errors.ts'
import type { EpochPosition, EpochTransaction, OutgoingRecord, TopicPartition } from '../port.ts'
import { copyRecords, type KafkaRecord } from './records.ts'

/** What an epoch needs of its member. */
export interface EpochHost {
  readonly maxRecordBytes: number
  readonly kafkaName: (topic: string) => string
  /** @throws log_unknown_topic */
  readonly requirePartition: (topic: string, partition: number) => void
  /** @throws log_closed, log_fenced */
  readonly assertAlive: () => void
  readonly claimOf: (partition: TopicPartition) => object | undefined
  readonly beginTransaction: (positions: readonly EpochPosition[]) => Promise<void>
  readonly commitTransaction: (records: readonly KafkaRecord[]) => Promise<void>
  readonly abortTransaction: () => Promise<void>
  readonly committed: (positions: readonly EpochPosition[]) => void
}

export class KafkaEpoch implements EpochTransaction {
  readonly positions: readonly EpochPosition[]
  readonly #host: EpochHost
  readonly #claims: readonly unknown[]
  readonly #begun: Promise<unknown>
  #records: KafkaRecord[] = []
  #state: 'open' | 'committing' | 'spent' = 'open'
  #produced = false

  constructor(host: EpochHost, positions: readonly EpochPosition[]) {
    for (const { topic, partition } of positions) host.requirePartition(topic, partition)
    this.#host = host
    this.positions = positions
    this.#claims = positions.map((position) => host.claimOf(position))
    // Positions that are not ours are never sent; the commit says why.
    const ours = this.#claims.every((claim) => claim !== undefined)
    this.#begun = (ours ? host.beginTransaction(positions) : Promise.resolve()).then(
      () => undefined,
      (error: unknown) => error,
    )
  }

  get spent(): boolean {
    return this.#state === 'spent'
  }

  write(topic: string, partition: number, records: readonly OutgoingRecord[]): void {
    assert(this.#state === 'open', 'an epoch that was committed or aborted is not written to')
    this.#host.assertAlive()
    this.#host.requirePartition(topic, partition)
    const to = { topic: this.#host.kafkaName(topic), partition }
    for (const record of copyRecords(to, records, this.#host.maxRecordBytes))
      this.#records.push(record)
  }

  async commit(): Promise<void> {
    assert(this.#state === 'open', 'an epoch is committed once')
    this.#state = 'committing'
    try {
      this.#checkClaims()
      const failed = await this.#begun
      if (failed !== undefined) throw failed
      // In the same turn as the call that follows: nothing can be lost in between unseen.
      this.#checkClaims()
      const records = this.#produced ? [] : this.#records
      this.#produced = true
      await this.#host.commitTransaction(records)
      this.#state = 'spent'
      this.#records = []
      this.#host.committed(this.positions)
    } catch (error) {
      const retriable = findError(error)?.class === 'retriable'
      this.#state = retriable ? 'open' : 'spent'
      if (findError(error)?.class === 'abortable') await this.#takeBack()
      throw error
    }
  }

  /**
   * A partition of it may be gone: then nothing of it can be committed, and whoever has the partition
   * now waits for the end of the transaction.
   */
  forfeit(): void {
    const gone = this.positions.some((at, i) => this.#claims[i] !== this.#host.claimOf(at))
    if (this.#state === 'open' && gone) void this.#takeBack()
  }

  async abort(): Promise<void> {
    assert(this.#state !== 'committing', 'an epoch is not aborted while its commit runs')
    this.#state = 'spent'
    await this.#takeBack()
  }

  /** Whatever comes of it is told by the next epoch: a producer that cannot abort cannot begin. */
  async #takeBack(): Promise<void> {
    this.#records = []
    await this.#begun
    await this.#host.abortTransaction().catch(() => {})
  }

  #checkClaims(): void {
    this.#host.assertAlive()
    this.positions.forEach((position, i) => {
      const claim = this.#claims[i]
      if (claim === undefined || claim !== this.#host.claimOf(position))
        throw new OpportuneError('log_abortable', 'A partition of the epoch was lost.', {
          topic: position.topic,
          partition: position.partition,
        })
    })
  }
}
