/**
 * A group: its seats and which seat owns which partition.
 *
 * A seat belongs to an id, not to a member object: the member that comes back under the same id
 * takes the seat over and fences its former self; a member that closed without leaving keeps the seat for
 * `keepPlaceMs`. Rebalances run one after the other; each one revokes first, waits (bounded) for the
 * answers, and only then gives partitions away, so that no partition has two owners at any moment
 * (L3). A member that does not answer in time loses what was asked of it (L5). Commits that had begun
 * before a partition changed hands are over before its next owner reads the position.
 */
import { assert } from '../../errors.ts'
import type { TopicPartition } from '../port.ts'
import { partitionKey } from '../port.ts'
import { assign } from './assign.ts'
import type { LocalContext } from './context.ts'
import { LocalMember } from './member.ts'

interface Seat {
  readonly id: string
  readonly owned: Map<string, TopicPartition>
  topics: readonly string[]
  /** undefined: kept for a member that closed without leaving. */
  member: LocalMember | undefined
  /** Whether the member has subscribed: before that it hears nothing of what it is given. */
  listens: boolean
  cancelRemoval: () => void
}

export class Group {
  readonly name: string
  readonly #context: LocalContext
  readonly #seats = new Map<string, Seat>()
  #rebalances: Promise<void> = Promise.resolve()

  constructor(context: LocalContext, name: string) {
    this.#context = context
    this.name = name
  }

  join(id: string): LocalMember {
    const member = new LocalMember(this.#context, this, id)
    const seat = this.#seats.get(id)
    if (seat === undefined) {
      this.#seats.set(id, {
        id,
        owned: new Map(),
        topics: [],
        member,
        listens: false,
        cancelRemoval: () => {},
      })
    } else {
      seat.cancelRemoval()
      seat.member?.end('log_fenced')
      seat.member = member
      seat.listens = false
    }
    return member
  }

  subscribed(member: LocalMember, topics: readonly string[]): Promise<void> {
    const seat = this.#seatOf(member)
    if (seat !== undefined) {
      seat.topics = topics
      // What the former self owned, and what was kept for this one until now, is claimed anew.
      if (!seat.listens) seat.owned.clear()
      seat.listens = true
    }
    return this.#rebalanceNext()
  }

  closed(member: LocalMember, leave: boolean): void {
    const seat = this.#seatOf(member)
    if (seat === undefined) return
    seat.member = undefined
    if (leave) this.#remove(seat)
    else
      seat.cancelRemoval = this.#context.scheduler.after(this.#context.keepPlaceMs, () =>
        this.#remove(seat),
      )
  }

  /** As if another process had come back under this id, and has not subscribed yet. */
  fence(member: LocalMember): void {
    this.closed(member, false)
    member.end('log_fenced')
  }

  /** Takes partitions away without asking and lets the group share them out anew. */
  lose(member: LocalMember, partitions: readonly TopicPartition[]): Promise<void> {
    const seat = this.#seatOf(member)
    for (const partition of partitions) seat?.owned.delete(partitionKey(partition))
    member.lose(partitions)
    return this.#rebalanceUnasked()
  }

  /** Asks for partitions back and lets the group share them out anew. */
  takeBack(member: LocalMember, partitions: readonly TopicPartition[]): Promise<void> {
    this.#rebalances = this.#rebalances.then(async () => {
      const seat = this.#seatOf(member)
      if (seat !== undefined) await this.#revoke(seat, partitions)
    })
    return this.#rebalanceUnasked()
  }

  /** Ends every member at once, as the end of the process does. */
  end(code: 'log_closed' | 'log_crashed'): void {
    for (const seat of this.#seats.values()) {
      seat.cancelRemoval()
      seat.member?.end(code)
    }
    this.#seats.clear()
  }

  #rebalanceNext(): Promise<void> {
    const next = this.#rebalances.then(() => this.#rebalance())
    this.#rebalances = next.catch(() => undefined)
    return next
  }

  /** For rebalances that nobody asked for: members hear of a failure through their next poll. */
  async #rebalanceUnasked(): Promise<void> {
    try {
      await this.#rebalanceNext()
    } catch (error) {
      for (const seat of this.#seats.values()) seat.member?.fail(error)
    }
  }

  async #rebalance(): Promise<void> {
    // Seats may come and go while listeners answer, so the target is computed anew after each
    // round. Every round but the last takes partitions away, hence the bound.
    for (let round = 0; round < 100; round++) {
      const target = this.#target()
      const leaving = [...this.#seats.values()].map(
        (seat) => [seat, [...seat.owned].filter(([key]) => target.get(key) !== seat.id)] as const,
      )
      const due = leaving.filter(([, partitions]) => partitions.length > 0)
      if (due.length === 0) {
        await this.#claim(target)
        return
      }
      await Promise.all(
        due.map(([seat, partitions]) =>
          this.#revoke(
            seat,
            partitions.map(([, tp]) => tp),
          ),
        ),
      )
    }
    assert(false, 'a rebalance comes to an end')
  }

  #target(): Map<string, string> {
    const candidates = [...this.#seats.values()].filter((seat) => seat.topics.length > 0)
    const owners = new Map<string, string>()
    for (const seat of candidates) for (const key of seat.owned.keys()) owners.set(key, seat.id)
    return assign(this.#partitions(candidates), candidates, owners)
  }

  async #revoke(seat: Seat, partitions: readonly TopicPartition[]): Promise<void> {
    const { member } = seat
    const inTime = member === undefined || (await member.revoke(partitions))
    for (const partition of partitions) seat.owned.delete(partitionKey(partition))
    if (inTime) member?.release(partitions)
    else member?.lose(partitions)
  }

  async #claim(target: ReadonlyMap<string, string>): Promise<void> {
    const candidates = [...this.#seats.values()]
    const told: Promise<void>[] = []
    const partitions = this.#partitions(candidates)
    for (const seat of candidates) {
      const fresh = partitions.filter((partition) => {
        const key = partitionKey(partition)
        return target.get(key) === seat.id && !seat.owned.has(key)
      })
      for (const partition of fresh) seat.owned.set(partitionKey(partition), partition)
      if (fresh.length > 0 && seat.listens && seat.member !== undefined)
        told.push(seat.member.claim(fresh))
    }
    await Promise.all(told)
  }

  #partitions(seats: readonly Seat[]): TopicPartition[] {
    const topics = [...new Set(seats.flatMap((seat) => seat.topics))].sort()
    return topics.flatMap((topic) =>
      Array.from({ length: this.#context.store.topic(topic)?.partitions ?? 0 }, (_, partition) => ({
        topic,
        partition,
      })),
    )
  }

  #seatOf(member: LocalMember): Seat | undefined {
    const seat = this.#seats.get(member.id)
    return seat?.member === member ? seat : undefined
  }

  #remove(seat: Seat): void {
    if (this.#seats.get(seat.id) !== seat) return
    this.#seats.delete(seat.id)
    void this.#rebalanceUnasked()
  }
}
