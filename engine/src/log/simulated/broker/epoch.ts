/**
 * One open epoch on simulated brokers, step by step as on Kafka: its positions are sent when it begins,
 * its records when it commits.
 *
 * Ownership is captured when the epoch begins and compared before the commit: brokers check that we are
 * a member, not that the partition is still ours (L3, SB8).
 */
import { assert, findError, OpportuneError } from '../../../errors.ts'
import type { LocalContext } from '../../local/context.ts'
import { type Frame, pack } from '../../local/frame.ts'
import { type PartitionWrite, requirePartition } from '../../local/store.ts'
import {
  type EpochPosition,
  type EpochTransaction,
  type OutgoingRecord,
  partitionKey,
} from '../../port.ts'
import type { BrokerMember } from './member.ts'

/** What an epoch needs of its member. */
export interface EpochHost
  extends Pick<
    BrokerMember,
    'assertAlive' | 'claimOf' | 'sendPositions' | 'commitTransaction' | 'abortTransaction'
  > {
  readonly context: Pick<LocalContext, 'store' | 'now' | 'maxRecordBytes'>
}

export class BrokerEpoch implements EpochTransaction {
  readonly #member: EpochHost
  readonly #positions: readonly EpochPosition[]
  readonly #claims: readonly unknown[]
  readonly #begun: Promise<{ readonly error: unknown } | undefined>
  readonly #writes = new Map<string, PartitionWrite & { readonly frames: Frame[] }>()
  #state: 'open' | 'committing' | 'spent' = 'open'

  constructor(member: EpochHost, positions: readonly EpochPosition[]) {
    for (const { topic, partition } of positions)
      requirePartition(member.context.store, topic, partition)
    this.#member = member
    this.#positions = positions
    this.#claims = positions.map((position) => member.claimOf(position))
    // Positions that are not ours are never sent; the commit says why.
    const ours = this.#claims.every((claim) => claim !== undefined)
    this.#begun = (ours ? member.sendPositions(positions) : Promise.resolve()).then(
      () => undefined,
      (error: unknown) => ({ error }),
    )
  }

  get spent(): boolean {
    return this.#state === 'spent'
  }

  write(topic: string, partition: number, records: readonly OutgoingRecord[]): void {
    assert(this.#state === 'open', 'an epoch that was committed or aborted is not written to')
    this.#member.assertAlive()
    const { store, now, maxRecordBytes } = this.#member.context
    requirePartition(store, topic, partition)
    const frames = pack(records, { now: now(), maxRecordBytes })
    const key = partitionKey({ topic, partition })
    const write = this.#writes.get(key)
    if (write === undefined) this.#writes.set(key, { topic, partition, frames })
    else write.frames.push(...frames)
  }

  async commit(): Promise<void> {
    assert(this.#state === 'open', 'an epoch is committed once')
    this.#state = 'committing'
    try {
      this.#checkClaims()
      const failed = await this.#begun
      if (failed !== undefined) throw failed.error
      this.#checkClaims()
      await this.#member.commitTransaction([...this.#writes.values()])
      this.#state = 'spent'
    } catch (error) {
      this.#state = 'spent'
      if (findError(error)?.class === 'abortable') await this.#takeBack()
      throw error
    }
  }

  /** A partition of it is gone: nothing of it can be committed, and its next owner waits for its end. */
  forfeit(): void {
    const gone = this.#positions.some((at, i) => this.#claims[i] !== this.#member.claimOf(at))
    if (this.#state !== 'open' || !gone) return
    void this.#takeBack()
  }

  async abort(): Promise<void> {
    assert(this.#state !== 'committing', 'an epoch is not aborted while its commit runs')
    this.#state = 'spent'
    await this.#takeBack()
  }

  async #takeBack(): Promise<void> {
    this.#writes.clear()
    await this.#begun
    await this.#member.abortTransaction().catch(() => {})
  }

  #checkClaims(): void {
    this.#member.assertAlive()
    this.#positions.forEach((position, i) => {
      const claim = this.#claims[i]
      if (claim === undefined || claim !== this.#member.claimOf(position))
        throw new OpportuneError('log_abortable', 'A partition of the epoch was lost.', {
          topic: position.topic,
          partition: position.partition,
        })
    })
  }
}
