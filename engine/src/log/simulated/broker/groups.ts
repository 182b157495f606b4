/**
 * The group coordinator: seats with static ids, and partitions handed from one to the next step by step,
 * each step asked for by the heartbeats of those concerned.
 *
 * SB6 A partition is given to a seat only when no other seat holds it: it was given back, or its holder
 *    was expelled.
 * SB7 A seat is expelled when it is silent for the session's time, or does not give back in time what it
 *    was asked for. It learns of it when it next speaks.
 * SB8 Every change of who is to have what begins a generation. Positions are taken from a seat that
 *    speaks under its member id and the present generation. Whether the partition is the seat's is not
 *    asked; nor is anything of who claims no membership (no member id, negative generation).
 * SB9 An id that joins again takes over its seat and gets what the seat holds; whoever speaks under the
 *    member id of before is fenced.
 */
import { OpportuneError } from '../../../errors.ts'
import { assign } from '../../local/assign.ts'
import type { Scheduler } from '../../local/scheduler.ts'
import { partitionKey, type TopicPartition } from '../../port.ts'

export interface GroupTimes {
  readonly sessionMs: number
  /** How long a seat may take to give back what it is asked for. */
  readonly rebalanceMs: number
}

/** Under which a member speaks. */
export interface Identity {
  readonly id: string
  readonly memberId: string
  readonly generation: number
}

/** What a heartbeat is answered with. */
export interface Assignment {
  readonly generation: number
  /** All that the seat holds. */
  readonly held: readonly TopicPartition[]
  /** What of it is to be given back. */
  readonly wanted: readonly TopicPartition[]
  /** Whether the seat holds all it is to hold. */
  readonly complete: boolean
}

/** The group does not know the member (any more): it has lost everything and has to join again. */
export class Expelled extends Error {
  override readonly name = 'Expelled'
}

interface Seat {
  readonly id: string
  memberId: string
  topics: readonly string[]
  readonly holds: Map<string, TopicPartition>
  cancelSession: () => void
  /** Runs while something is asked back. */
  cancelRevoke: (() => void) | undefined
}

export class GroupCoordinator {
  readonly stats = { rebalances: 0, expelled: 0 }
  readonly #seats = new Map<string, Seat>()
  readonly #partitionsOf: (topic: string) => number
  readonly #scheduler: Scheduler
  readonly #times: GroupTimes
  #generation = 0
  #joined = 0
  #target: ReadonlyMap<string, string> = new Map()

  constructor(partitionsOf: (topic: string) => number, scheduler: Scheduler, times: GroupTimes) {
    this.#partitionsOf = partitionsOf
    this.#scheduler = scheduler
    this.#times = times
  }

  /** @returns the member id of this incarnation */
  join(id: string, topics: readonly string[]): string {
    const known = this.#seats.get(id)
    const memberId = `${id}#${this.#joined++}`
    const seat: Seat = known ?? {
      id,
      memberId,
      topics,
      holds: new Map(),
      cancelSession: () => {},
      cancelRevoke: undefined,
    }
    const same = known !== undefined && String(known.topics) === String(topics)
    seat.memberId = memberId
    seat.topics = topics
    this.#seats.set(id, seat)
    this.#renew(seat)
    if (!same) this.#rebalance()
    return memberId
  }

  /** @param returned what the member gives back with it. @throws Expelled, log_fenced */
  heartbeat(who: Identity, returned: readonly TopicPartition[]): Assignment {
    const seat = this.#seatOf(who)
    this.#renew(seat)
    for (const partition of returned) seat.holds.delete(partitionKey(partition))
    const wanted = [...seat.holds].filter(([key]) => this.#target.get(key) !== seat.id)
    this.#watchRevoke(seat, wanted.length > 0)
    const complete = this.#give(seat)
    return {
      generation: this.#generation,
      held: [...seat.holds.values()],
      wanted: wanted.map(([, partition]) => partition),
      complete,
    }
  }

  /** Whether positions are taken from it (SB8). @throws Expelled, log_fenced, log_abortable */
  check(who: Identity): void {
    if (who.memberId === '' && who.generation < 0) return
    this.#seatOf(who)
    if (who.generation !== this.#generation)
      throw new OpportuneError('log_abortable', 'The group is in another generation.', {
        member: who.id,
      })
  }

  leave(who: Identity): void {
    const seat = this.#seats.get(who.id)
    if (seat?.memberId === who.memberId) this.#remove(seat)
  }

  /** @returns whether the seat holds all it is to hold */
  #give(seat: Seat): boolean {
    const taken = new Set([...this.#seats.values()].flatMap((other) => [...other.holds.keys()]))
    let complete = true
    for (const partition of this.#partitions()) {
      const key = partitionKey(partition)
      if (this.#target.get(key) !== seat.id || seat.holds.has(key)) continue
      if (taken.has(key)) complete = false
      else seat.holds.set(key, partition)
    }
    return complete
  }

  #rebalance(): void {
    this.stats.rebalances++
    this.#generation++
    const seats = [...this.#seats.values()]
    const owners = new Map(
      seats.flatMap((seat) => [...seat.holds.keys()].map((key) => [key, seat.id] as const)),
    )
    this.#target = assign(this.#partitions(), seats, owners)
  }

  #partitions(): TopicPartition[] {
    const topics = [...new Set([...this.#seats.values()].flatMap((seat) => seat.topics))].sort()
    return topics.flatMap((topic) =>
      Array.from({ length: this.#partitionsOf(topic) }, (_, partition) => ({ topic, partition })),
    )
  }

  #renew(seat: Seat): void {
    seat.cancelSession()
    seat.cancelSession = this.#scheduler.after(this.#times.sessionMs, () => this.#expel(seat))
  }

  #watchRevoke(seat: Seat, asked: boolean): void {
    if (!asked) {
      seat.cancelRevoke?.()
      seat.cancelRevoke = undefined
    } else
      seat.cancelRevoke ??= this.#scheduler.after(this.#times.rebalanceMs, () => this.#expel(seat))
  }

  #expel(seat: Seat): void {
    this.stats.expelled++
    this.#remove(seat)
  }

  #remove(seat: Seat): void {
    seat.cancelSession()
    seat.cancelRevoke?.()
    this.#seats.delete(seat.id)
    this.#rebalance()
  }

  #seatOf({ id, memberId }: Identity): Seat {
    const seat = this.#seats.get(id)
    if (seat === undefined) throw new Expelled(`${memberId} is not in the group`)
    if (seat.memberId === memberId) return seat
    throw new OpportuneError('log_fenced', 'The member came back elsewhere.', { member: id })
  }
}
