/**
 * What simulations run: a small topology that has everything the engine has (windows, timers, a loop,
 * hand-overs, a broadcast, a chained sink, dead letters, a second stage with many upstream tasks), and
 * random input for it.
 *
 * SM1 What comes out is a function of the input alone, whatever happens in between. Where two streams
 *     meet (a hand-over and later records, a broadcast and the records it judges) their order would be
 *     up to chance: the input stands still before and after (`barrier`).
 */
import { jsonCodec } from '../codec/codec.ts'
import { hash53 } from '../hash.ts'
import type { OutgoingRecord } from '../log/port.ts'
import type { Prng } from '../log/simulated/prng.ts'
import { broadcast, operator, output, stateSpec } from '../operator.ts'
import type { DeadLetter } from '../runtime/changelog.ts'
import { CONTROL_KEY } from '../runtime/source-time.ts'
import type { Millis } from '../time.ts'
import type { SinkChain } from '../topology/plan.ts'
import { type Topology, topology } from '../topology/topology.ts'
import { tumbling } from '../windows/assigners.ts'
import { windowOperator } from '../windows/window-operator.ts'

export type SimulationStep =
  | { readonly topic: string; readonly records: readonly OutgoingRecord[] }
  /** Everything appended is processed before anything else is appended. */
  | 'barrier'

/** A record as runs compare it. */
export interface Told {
  /** Records of one place come in one order, whatever happens. */
  readonly place: string
  readonly text: string
}

export interface Scenario {
  topology(partitions: number): Topology
  /**
   * The records of one partition of a sink without what may differ between two runs.
   * @throws Error where they contradict each other
   */
  tell(
    topic: string,
    records: readonly { readonly key: string | null; readonly value: string }[],
  ): readonly Told[]
  /** The input, drawn from the seed. */
  steps(prng: Prng): readonly SimulationStep[]
}

export const START: Millis = 1_000

interface Visit {
  readonly user: string
  readonly n: number
}

interface Row {
  readonly user: string
  readonly what: string
  readonly now: Millis
  readonly total: number
}

const UNLUCKY = 13
const LEAVES = -1

const limit = broadcast<number, { readonly limit: number }>({
  id: 'limit',
  initial: 1_000_000,
  fold: (_current, record) => record.limit,
})

/** Hands a user over to a main account on request and forwards what comes later. */
const switchboard = operator({
  id: 'switchboard',
  state: stateSpec<string | null>({ version: 1, initial: null }),
  outputs: { visit: output<Visit>(), forward: output<Visit>() },
  onRecord(visit: Visit, cx) {
    const target = cx.get()
    if (target !== null) cx.emit('forward', { ...visit, user: target })
    else if (visit.n === LEAVES) {
      cx.set(`${cx.key}-main`)
      cx.transfer(`${cx.key}-main`, `link ${cx.key}`)
    } else cx.emit('visit', visit)
  },
  merge: 'discard',
})

/** Adds up, announces when it was quiet for 40 ms and again 5 ms later, fails on what is unlucky. */
const adder = operator({
  id: 'adder',
  state: stateSpec<number>({ version: 1, initial: 0 }),
  outputs: { rows: output<Row>() },
  broadcasts: [limit],
  onRecord(visit: Visit, cx) {
    cx.set(cx.get() + visit.n)
    cx.setTimer('quiet', cx.now + 40)
    cx.emit('rows', { user: cx.key, what: 'visit', now: cx.now, total: cx.get() })
    if (visit.n === UNLUCKY) throw new Error('unlucky')
    if (cx.get() > cx.shared(limit))
      cx.emit('rows', { user: cx.key, what: 'over', now: cx.now, total: cx.get() })
  },
  onTimer(name, cx) {
    if (name === 'quiet') cx.setTimer('still', cx.now + 5)
    else cx.clear()
    cx.emit('rows', { user: cx.key, what: `${name} ${cx.mode}`, now: cx.now, total: cx.get() })
  },
  merge: (a, b) => a + b,
  onMerged(from, cx) {
    cx.emit('rows', { user: cx.key, what: `merged ${from}`, now: cx.now, total: cx.get() })
  },
})

const sums = {
  initial: 0,
  add: (sum: number, visit: Visit) => sum + visit.n,
  combine: (a: number, b: number) => a + b,
}
const counts = {
  initial: 0,
  add: (count: number) => count + 1,
  combine: (a: number, b: number) => a + b,
}

interface Link {
  readonly seq: number
  readonly prev: number
}

/** Each record names its number and the hash of the one before. */
const chain: SinkChain<Row> = {
  initial: (name) => ({ seq: 0, prev: hash53(name, 0) }),
  next(state, row) {
    const { seq, prev } = state as Link
    const text = JSON.stringify({ seq, prev, row })
    return { state: { seq: seq + 1, prev: hash53(text, 0) }, bytes: Buffer.from(text) }
  },
}

function shop(partitions: number): Topology {
  const t = topology('simulation')
  const clock = { kind: 'append', idle: 'hold' } as const
  const inbox = t.inbox<Visit>('inbox', { codec: jsonCodec(), partitions, mergeable: true })
  t.source<Visit>('visits', {
    topic: 'visits',
    codec: jsonCodec(),
    clock,
    startsIn: 'history',
  }).into(inbox, (visit) => visit.user)
  t.source<{ limit: number }>('limits', { topic: 'limits', codec: jsonCodec(), clock }).broadcastTo(
    inbox,
    limit,
    jsonCodec(),
  )
  const switched = inbox.stream().process(switchboard)
  switched.forward.into(inbox, (visit) => visit.user, { loop: true })
  const { rows } = switched.visit.process(adder)
  rows.sink('rows', { topic: 'rows', codec: jsonCodec(), key: (row) => row.user })
  rows.sink('chained', { topic: 'chained', codec: jsonCodec(), partitionBy: 'task', chain })
  const windows = switched.visit.process(windowOperator('windows', tumbling({ size: 50 }), sums))
  windows.out.sink('window-rows', {
    topic: 'window-rows',
    codec: jsonCodec(),
    key: (result) => result.key,
  })
  windows.late.ignore()
  windows.meta.ignore()
  const kinds = rows
    .keyBy('kinds', (row) => row.what, { codec: jsonCodec(), partitions: 2 })
    .process(windowOperator<Row, number>('kind-counts', tumbling({ size: 100 }), counts))
  kinds.out.sink('kind-rows', {
    topic: 'kind-rows',
    codec: jsonCodec(),
    key: (result) => result.key,
  })
  kinds.late.ignore()
  kinds.meta.ignore()
  return t
}

const USERS = ['a', 'b', 'c', 'd', 'e', 'f', 'g', 'h']

/** Draws phases: bursts of visits, leavers, new limits, jumps in time, and the end of history. */
class ShopInput {
  readonly steps: SimulationStep[] = []
  readonly #prng: Prng
  readonly #left = new Set<string>()
  readonly #linked = new Set<string>()
  #now = START
  #live = false

  constructor(prng: Prng) {
    this.#prng = prng
  }

  draw(): readonly SimulationStep[] {
    for (let phases = 3 + this.#prng.below(6); phases > 0; phases--)
      this.#phase(this.#prng.below(8))
    this.#goLive()
    // Everything that waits falls due.
    this.#control({ mark: this.#now + 1_000 })
    this.steps.push('barrier')
    return this.steps
  }

  #phase(kind: number): void {
    if (kind === 0) this.#alone(() => this.#leaver())
    else if (kind === 1)
      this.#alone(() => this.#visits([{ user: this.#user(), n: 1 + this.#prng.below(9) }]))
    else if (kind === 2)
      this.#alone(() => this.#records('limits', [{ limit: 5 + this.#prng.below(60) }]))
    else if (kind === 3) this.#jump()
    else this.#burst()
    if (this.#prng.below(4) === 0) this.#goLive()
  }

  #burst(): void {
    const here = [...USERS, 'a-main', 'b-main'].filter((user) => !this.#left.has(user))
    const visits: Visit[] = []
    for (let n = 1 + this.#prng.below(24); n > 0; n--)
      visits.push({
        user: here[this.#prng.below(here.length)] as string,
        n: 1 + this.#prng.below(14),
      })
    this.#visits(visits)
  }

  #jump(): void {
    this.#now += this.#prng.below(200)
    this.#control({ mark: this.#now })
  }

  #goLive(): void {
    if (!this.#live) this.#alone(() => this.#control({ live: true }))
    this.#live = true
  }

  /** A main account that left in turn would be one more of whom no record may meet another. */
  #leaver(): void {
    const user = this.#user()
    const n = this.#linked.has(user) ? 1 : LEAVES
    this.#linked.add(user)
    this.#visits([{ user, n }])
  }

  /** A user of whom no record may meet another: each stands alone. */
  #user(): string {
    const user = USERS[this.#prng.below(USERS.length)] as string
    this.#left.add(user)
    return user
  }

  #alone(append: () => void): void {
    this.steps.push('barrier')
    append()
    this.steps.push('barrier')
  }

  #visits(visits: readonly Visit[]): void {
    this.#records('visits', visits)
  }

  #records(topic: string, values: readonly unknown[]): void {
    const records = values.map((value) => {
      this.#now += this.#prng.below(12)
      return { key: null, value: Buffer.from(JSON.stringify(value)), timestamp: this.#now }
    })
    this.steps.push({ topic, records })
  }

  #control(order: object): void {
    const record = {
      key: Buffer.from(CONTROL_KEY),
      value: Buffer.from(JSON.stringify(order)),
      timestamp: this.#now,
    }
    this.steps.push({ topic: 'visits', records: [record] })
  }
}

/**
 * Which key's timers fire first after a jump in time depends on the slices, so links of a chain are
 * checked and not compared; a dead letter's offset depends on them as well.
 */
const tell: Scenario['tell'] = (topic, records) => {
  let link: Link | null = null
  return records.map(({ key, value }) => {
    if (topic === 'dead-letters') {
      const letter = JSON.parse(value) as DeadLetter
      return { place: letter.bytes, text: JSON.stringify({ ...letter, offset: 0 }) }
    }
    if (topic !== 'chained') return { place: `${topic} ${key}`, text: value }
    const { seq, prev, row } = JSON.parse(value) as Link & { readonly row: Row }
    if (link !== null && (seq !== link.seq || prev !== link.prev))
      throw new Error(`the chain breaks at ${seq}`)
    link = { seq: seq + 1, prev: hash53(value, 0) }
    return { place: `${topic} ${row.user}`, text: JSON.stringify(row) }
  })
}

export const shopScenario: Scenario = {
  topology: shop,
  tell,
  steps: (prng) => new ShopInput(prng).draw(),
}
