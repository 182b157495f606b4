/**
 * A member of a Kafka consumer group: which partitions are its own, what was read of them, and its one
 * open epoch.
 *
 * Owns a `Claim` per partition; its identity is what epochs are fenced by, and it is made when the
 * group assigns the partition and never comes back once dropped. The group (`Membership`) decides
 * about ownership; the source reads; `Transactions` commits. Here is where the three meet:
 *
 * M1 A claim begins at the committed position, read so that an undecided one is waited for.
 * M2 A revoke is answered when the listener is done, or when its time is up: then what was not
 *    committed is lost, and the partitions go.
 * M3 A fenced member can do nothing any more; a lost partition can only be claimed anew.
 *
 * Failure: a listener that throws or rejects makes the next `poll` reject with its error.
 */
import { assert, OpportuneError } from '../../errors.ts'
import type {
  CommittedPosition,
  EpochPosition,
  EpochTransaction,
  LogBatch,
  LogMember,
  MemberListener,
  PollLimits,
  TopicPartition,
} from '../port.ts'
import { partitionKey } from '../port.ts'
import { type Claim, Claims } from './claims.ts'
import { type ClientOffset, type ClientPartition, call } from './client.ts'
import type { Cluster } from './cluster.ts'
import { KafkaEpoch } from './epoch.ts'
import { requestError } from './errors.ts'
import type { Membership } from './membership.ts'
import type { Settings } from './options.ts'
import type { PartitionSource } from './source.ts'
import type { Transactions } from './transactions.ts'

type EndCode = 'log_closed' | 'log_fenced' | 'log_commit_unknown'

export interface MemberParts {
  readonly membership: Membership
  readonly transactions: Transactions
  readonly source: PartitionSource
  readonly trouble: (error: OpportuneError) => void
  /** Another source in the place of one that cannot read what there is; undefined: there is none. */
  readonly replaceSource: (reason: string) => Promise<PartitionSource | undefined>
}

export interface MemberOptions {
  readonly group: string
  readonly id: string
  readonly settings: Settings
  readonly cluster: Cluster
  readonly ended: () => void
}

/** How long a member that was given nothing waits for a second round of sharing out, ms. */
const SETTLE_MS = 3_000
const OFFSET_UNKNOWN = -1001

export class KafkaMember implements LogMember {
  readonly id: string
  readonly #options: MemberOptions
  readonly #claims: Claims
  #parts: MemberParts | undefined
  #listener: MemberListener | undefined
  #epoch: KafkaEpoch | undefined
  #ended: EndCode | undefined
  #failure: { readonly error: unknown } | undefined
  #polling = false
  /** Something failed since the last commit was known to stand. */
  #doubt = false
  #wake: (() => void) | undefined
  /** Claims are taken and given one after the other. */
  #changes: Promise<void> = Promise.resolve()
  /** Tokens of partitions assigned to us: what is still being claimed is checked against them. */
  readonly #assigned = new Map<string, object>()
  #placed: ((owns: boolean) => void) | undefined

  constructor(options: MemberOptions) {
    this.id = options.id
    this.#options = options
    this.#claims = new Claims()
  }

  /** What the member is made of calls back into it, so it is put together in two steps. */
  start(parts: MemberParts): void {
    this.#parts = parts
    this.#claims.source = parts.source
    this.#claims.trouble = parts.trouble
  }

  /** @throws log_closed, log_fenced, log_commit_unknown */
  assertAlive(): void {
    if (this.#ended !== undefined)
      throw new OpportuneError(this.#ended, 'This member has come to its end.', {
        group: this.#options.group,
        member: this.id,
      })
  }

  /** Resolves when the group has given this member its place. */
  async subscribe(topics: readonly string[], listener: MemberListener): Promise<void> {
    this.assertAlive()
    await this.#options.cluster.find(topics.map((topic) => ({ topic, partition: 0 })))
    this.#listener = listener
    if (topics.length === 0) return
    const placed = this.#awaitPlace()
    this.#part.membership.subscribe(topics.map((topic) => this.#options.cluster.names.kafka(topic)))
    await placed
    await this.#changes
  }

  async poll(limits: PollLimits): Promise<readonly LogBatch[]> {
    assert(!this.#polling, 'a member is polled by one caller at a time')
    this.#polling = true
    try {
      const until = performance.now() + limits.waitMs
      this.#raise()
      for (let waitMs = 0; ; ) {
        await this.#claims.read({ ...limits, waitMs }, this.#waker())
        if (this.#ended === 'log_closed') return []
        this.#raise()
        await this.#mendSource()
        const batches = this.#claims.collect(limits)
        waitMs = Math.ceil(until - performance.now())
        if (batches.length > 0 || waitMs <= 0) return batches
      }
    } finally {
      this.#polling = false
      this.#wake = undefined
    }
  }

  pause(partitions: readonly TopicPartition[]): void {
    this.#claims.setPaused(partitions, true)
  }

  resume(partitions: readonly TopicPartition[]): void {
    this.#claims.setPaused(partitions, false)
    this.#wake?.()
  }

  /** Does nothing for a partition that is not owned (any more): its next owner decides. */
  seek(partition: TopicPartition, offset: number): void {
    this.#claims.seek(partition, offset)
    this.#wake?.()
  }

  async committed(
    partitions: readonly TopicPartition[],
  ): Promise<ReadonlyMap<string, CommittedPosition>> {
    this.assertAlive()
    const found = new Map<string, CommittedPosition>()
    const asked: TopicPartition[] = []
    for (const partition of partitions) {
      const claim = this.#claims.of(partition)
      // While our own epoch is open the brokers would have us wait for ourselves.
      if (claim === undefined || (this.#epoch?.spent ?? true)) asked.push(partition)
      else if (claim.committed !== undefined) found.set(partitionKey(partition), claim.committed)
    }
    for (const [key, position] of await this.#readCommitted(asked)) found.set(key, position)
    return found
  }

  position(partition: TopicPartition): number {
    this.assertAlive()
    const claim = this.#claims.of(partition)
    assert(claim !== undefined, 'only an owned partition has a position')
    return claim.position
  }

  begin(positions: readonly EpochPosition[]): EpochTransaction {
    this.assertAlive()
    assert(this.#epoch?.spent ?? true, 'a member has one open epoch at a time')
    const { settings, cluster } = this.#options
    const { transactions, membership } = this.#part
    this.#epoch = new KafkaEpoch(
      {
        maxRecordBytes: settings.maxRecordBytes,
        kafkaName: (topic) => cluster.names.kafka(topic),
        requirePartition: (topic, partition) => cluster.require(topic, partition),
        assertAlive: () => this.assertAlive(),
        claimOf: (partition) => this.#claims.of(partition),
        beginTransaction: (moved) =>
          this.#watch(
            this.#verify(moved).then(() =>
              transactions.begin(this.#kafkaOffsets(moved), membership.consumer),
            ),
          ),
        commitTransaction: (records) => this.#watch(transactions.commit(records)),
        abortTransaction: () => this.#watch(transactions.abort()),
        committed: (moved) => this.#claims.noteCommitted(moved),
      },
      positions,
    )
    return this.#epoch
  }

  async close(options: { readonly leave?: boolean } = {}): Promise<void> {
    if (this.#ended === 'log_closed') return
    const fenced = this.#ended !== undefined
    this.#end('log_closed')
    this.#claims.drop(this.#claims.all())
    await this.#dispose(!fenced && (options.leave ?? false))
    this.#options.ended()
  }

  /** The same id has come back, or the brokers say so. */
  fence(): void {
    if (this.#ended !== undefined) return
    this.#end('log_fenced')
    this.#lose(this.#claims.all())
    void this.#dispose(false)
  }

  // --- what the group says ---

  assigned(partitions: readonly ClientPartition[]): void {
    const claims = this.#inOrder(partitions).map((at) => ({ at, token: {} }))
    for (const { at, token } of claims) this.#assigned.set(partitionKey(at), token)
    if (claims.length === 0) {
      this.#placed?.(false)
      return
    }
    this.#changes = this.#changes.then(() => this.#claim(claims)).catch((e) => this.fail(e))
  }

  async revoked(partitions: readonly ClientPartition[]): Promise<void> {
    for (const at of this.#inOrder(partitions)) this.#assigned.delete(partitionKey(at))
    const claims = this.#claims.ofAll(this.#inOrder(partitions))
    if (claims.length === 0) return
    this.#claims.revoking(claims)
    const done = this.#tell(() => this.#listener?.revoked(claims.map((claim) => claim.at)))
    let timer: NodeJS.Timeout | undefined
    const late = new Promise<boolean>((resolve) => {
      timer = setTimeout(() => resolve(true), this.#options.settings.revokeMs)
    })
    const tooLate = await Promise.race([done.then(() => false), late])
    clearTimeout(timer)
    // Meanwhile they may have been lost, which was told then.
    const left = claims.filter((claim) => this.#claims.of(claim.at) === claim)
    if (tooLate) this.#lose(left)
    else this.#claims.drop(left)
  }

  lost(): void {
    this.#assigned.clear()
    this.#lose(this.#claims.all())
  }

  /** Makes the next poll fail with `error`. */
  fail(error: unknown): void {
    this.#failure ??= { error }
    this.#placed?.(true)
    this.#wake?.()
  }

  // --- inside ---

  get #part(): MemberParts {
    assert(this.#parts !== undefined, 'a member is started before it is handed out')
    return this.#parts
  }

  async #claim(claims: readonly { at: TopicPartition; token: object }[]): Promise<void> {
    for (const { at } of claims) this.#checkCount(at)
    const current = (): TopicPartition[] =>
      claims
        .filter(({ at, token }) => this.#assigned.get(partitionKey(at)) === token)
        .map((c) => c.at)
    const committed = await this.#readCommitted(current())
    const fresh = current().filter((at) => !committed.has(partitionKey(at)))
    const starts = new Map<string, number>()
    const bounds = fresh.length === 0 ? [] : await this.#options.cluster.bounds(fresh)
    fresh.forEach((at, i) => starts.set(partitionKey(at), bounds[i]?.start ?? 0))
    const mine = current()
    if (mine.length === 0 || this.#ended !== undefined) return
    this.#claims.add(
      mine.map((at) => {
        const key = partitionKey(at)
        const known = committed.get(key)
        return { at, offset: known?.offset ?? starts.get(key) ?? 0, committed: known }
      }),
    )
    void this.#tell(() => this.#listener?.claimed(mine))
    this.#placed?.(true)
  }

  /** @throws log_partitions_changed */
  #checkCount({ topic, partition }: TopicPartition): void {
    const expected = this.#options.cluster.partitionsOf(topic) ?? 0
    if (partition >= expected)
      throw new OpportuneError(
        'log_partitions_changed',
        `Topic ${topic} has grown beyond its ${expected} partitions while it was in use.`,
        { topic, expected, found: partition + 1 },
      )
  }

  #lose(claims: readonly Claim[]): void {
    if (claims.length === 0) return
    this.#claims.drop(claims)
    this.#epoch?.forfeit()
    void this.#tell(() => this.#listener?.lost(claims.map((claim) => claim.at)))
  }

  /** Only stable positions: one that an open transaction would move is waited for. */
  async #readCommitted(
    partitions: readonly TopicPartition[],
  ): Promise<ReadonlyMap<string, CommittedPosition>> {
    const { cluster, settings } = this.#options
    if (partitions.length === 0) return new Map()
    const asked = partitions.map((at) => ({
      topic: cluster.names.kafka(at.topic),
      partition: at.partition,
    }))
    // No transaction stays open that long.
    const tooLong = performance.now() + settings.transactionTimeoutMs
    const until = tooLong + settings.transactionTimeoutMs + settings.requestTimeoutMs
    let cleared = false
    for (;;)
      try {
        const offsets = await call<readonly ClientOffset[]>((done) =>
          this.#part.membership.consumer.committed(asked, settings.requestTimeoutMs, done),
        )
        return new Map(
          offsets.flatMap(({ topic, partition, offset, metadata }) => {
            if (offset === undefined || offset < 0 || offset === OFFSET_UNKNOWN) return []
            const at = { topic: cluster.names.log(topic) ?? topic, partition }
            return [[partitionKey(at), { offset, metadata: metadata ?? '' }] as const]
          }),
        )
      } catch (error) {
        // An undecided position, a coordinator that moves, a broker that is away: all of them pass.
        const cause = requestError(error, 'The committed positions are not known.')
        const passes = cause instanceof OpportuneError && cause.class === 'retriable'
        if (!passes || performance.now() > until || this.#ended !== undefined) throw cause
        if (!cleared && performance.now() > tooLong) {
          cleared = true
          const { transactions, membership } = this.#part
          const undecided = asked.map((at) => ({ ...at, offset: 0, metadata: '' }))
          await transactions.clear(undecided, membership.consumer).catch(settings.onTrouble)
        }
        await new Promise((resolve) => setTimeout(resolve, 20))
      }
  }

  #kafkaOffsets(positions: readonly EpochPosition[]): readonly ClientOffset[] {
    return positions.map(({ topic, partition, offset, metadata }) => ({
      topic: this.#options.cluster.names.kafka(topic),
      partition,
      offset,
      metadata,
    }))
  }

  /**
   * After a failure: whether the brokers still know of our last commit. They acknowledge it before it is
   * written everywhere, and one that is killed in between may forget it (`Transactions.clear`).
   * @throws log_commit_unknown
   */
  async #verify(positions: readonly EpochPosition[]): Promise<void> {
    if (!this.#doubt) return
    const known = this.#claims.ofAll(positions).map(({ at, committed }) => ({ at, committed }))
    const found = await this.#readCommitted(known.map(({ at }) => at))
    for (const { at, committed } of known) {
      if (committed?.metadata === found.get(partitionKey(at))?.metadata) continue
      throw new OpportuneError('log_commit_unknown', 'A commit that was acknowledged is gone.', {
        topic: at.topic,
        partition: at.partition,
      })
    }
    this.#doubt = false
  }

  /** Ends the member where the outcome of a step says that it has to. */
  async #watch(step: Promise<void>): Promise<void> {
    try {
      await step
    } catch (error) {
      this.#doubt = true
      if (error instanceof OpportuneError && error.code === 'log_fenced') this.fence()
      if (error instanceof OpportuneError && error.code === 'log_commit_unknown') {
        this.#end('log_commit_unknown')
        void this.#dispose(false)
      }
      throw error
    }
  }

  #inOrder(partitions: readonly ClientPartition[]): readonly TopicPartition[] {
    const { names } = this.#options.cluster
    return partitions
      .map((at) => ({ topic: names.log(at.topic) ?? at.topic, partition: at.partition }))
      .sort((x, y) =>
        x.topic === y.topic ? x.partition - y.partition : x.topic < y.topic ? -1 : 1,
      )
  }

  /** Until something was claimed, or it is clear that there is nothing to claim. */
  #awaitPlace(): Promise<void> {
    const { settings } = this.#options
    return new Promise((resolve) => {
      let timer = setTimeout(done, settings.sessionTimeoutMs + settings.revokeMs)
      this.#placed = (owns) => {
        clearTimeout(timer)
        if (owns) done()
        else timer = setTimeout(done, SETTLE_MS)
      }
      const forget = (): void => {
        this.#placed = undefined
      }
      function done(): void {
        clearTimeout(timer)
        forget()
        resolve()
      }
    })
  }

  /** A source that met what it cannot read hands over to another one, where it stands. */
  async #mendSource(): Promise<void> {
    const reason = this.#claims.unsupported
    if (reason === undefined) return
    const other = await this.#part.replaceSource(reason)
    if (other === undefined)
      throw new OpportuneError('log_kafka_unreadable', 'The records cannot be read.', { reason })
    await this.#claims.changeSource(other)
    this.#parts = { ...this.#part, source: other }
  }

  #raise(): void {
    if (this.#failure !== undefined) throw this.#failure.error
    this.assertAlive()
    this.#claims.raise()
  }

  #waker(): Promise<void> {
    return new Promise((resolve) => {
      this.#wake = resolve
    })
  }

  #end(code: EndCode): void {
    // Being closed is the caller's own wish and wins over how it came to its end.
    if (this.#ended === undefined || code === 'log_closed') this.#ended = code
    this.#placed?.(true)
    this.#wake?.()
  }

  async #dispose(leave: boolean): Promise<void> {
    // One that did not come about has nothing to dispose of; who tried to make it does.
    if (this.#parts === undefined) return
    const { membership, transactions, source } = this.#parts
    // First the transaction: a successor waits for its end.
    await transactions.close()
    await Promise.all([membership.close(leave), source.close()])
  }

  async #tell(run: () => void | Promise<void> | undefined): Promise<void> {
    try {
      await run()
    } catch (error) {
      this.fail(error)
    }
  }
}
