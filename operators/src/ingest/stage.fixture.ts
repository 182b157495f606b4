/**
 * A customer stage in memory for tests that need several keys and several operators: one inbox per
 * key, records and hand-overs processed one at a time in an order the test picks. It keeps what the
 * operators rely on: what one step sends to one key arrives there in the order it was sent, a
 * hand-over takes every operator's state but the caller's, and states go through their codecs.
 */
import {
  assert,
  type Broadcast,
  ByteWriter,
  type Context,
  jsonCodec,
  type Millis,
  type Operator,
  type Outputs,
  type StateSpec,
} from '#engine'
import type { Forward, InboxRecord } from '../contract.ts'

type AnyOperator = Operator<never, never, Outputs>

type Item =
  | { readonly kind: 'record'; readonly record: InboxRecord }
  | {
      readonly kind: 'state'
      readonly from: string
      readonly link: string
      readonly states: ReadonlyMap<string, unknown>
    }

export interface Emission {
  readonly key: string
  readonly from: string
  readonly name: string
  readonly value: unknown
}

/** Widens an operator for the stage's table; its input type is the test's to get right. */
export const staged = (op: unknown): AnyOperator => op as AnyOperator

export class Stage {
  /** Everything emitted, in order. */
  readonly emitted: Emission[] = []
  now: Millis = 0
  private readonly operators: readonly AnyOperator[]
  private readonly wires: Readonly<Record<string, string>>
  private readonly inboxes = new Map<string, Item[]>()
  private readonly states = new Map<string, unknown>()
  private readonly timers = new Map<string, Millis>()
  private readonly links = new Set<string>()

  /** @param wires where outputs lead inside the stage, as `{'dedupe.fresh': 'identity'}` */
  constructor(operators: readonly AnyOperator[], wires: Readonly<Record<string, string>>) {
    this.operators = operators
    this.wires = wires
  }

  send(key: string, record: InboxRecord): void {
    this.inbox(key).push({ kind: 'record', record })
  }

  /** Keys with something in their inbox, sorted. */
  waiting(): string[] {
    return [...this.inboxes]
      .filter(([, items]) => items.length > 0)
      .map(([key]) => key)
      .sort()
  }

  /** Takes one item from a key's inbox through the first operator. */
  step(key: string): void {
    const item = this.inbox(key).shift()
    if (item === undefined) return
    if (item.kind === 'record') this.run(0, item.record, key)
    else this.takeIn(key, item)
  }

  /** Works until nothing waits. `pick` chooses among waiting keys; the first by default. */
  settle(pick: (keys: readonly string[]) => string = (keys) => keys[0] as string): this {
    for (let steps = 0; ; steps++) {
      assert(steps < 100_000, 'the stage does not come to rest')
      const keys = this.waiting()
      if (keys.length === 0) return this
      this.step(pick(keys))
    }
  }

  /** Moves time, firing due timers in the order (due, key, operator, name). */
  advanceTo(now: Millis): this {
    for (;;) {
      const due = [...this.timers].filter(([, at]) => at <= now)
      due.sort((a, b) => a[1] - b[1] || (a[0] < b[0] ? -1 : 1))
      const first = due[0]
      if (first === undefined) break
      const [id, at] = first
      this.timers.delete(id)
      this.now = Math.max(this.now, at)
      const [key = '', slot = '0', name = ''] = id.split('\n')
      this.operators[Number(slot)]?.onTimer?.(name, this.context(Number(slot), key) as never)
    }
    this.now = now
    return this
  }

  state<T>(operator: { readonly id: string; readonly state: StateSpec<T> }, key: string): T {
    return (this.states.get(`${key}\n${operator.id}`) ?? operator.state.initial) as T
  }

  /** Puts a state in place of a key's own. */
  place<T>(
    operator: { readonly id: string; readonly state: StateSpec<T> },
    key: string,
    value: T,
  ): void {
    this.states.set(`${key}\n${operator.id}`, value)
  }

  /** What an operator emitted under a name. */
  of(from: string, name: string): unknown[] {
    return this.emitted.filter((e) => e.from === from && e.name === name).map((e) => e.value)
  }

  private inbox(key: string): Item[] {
    const inbox = this.inboxes.get(key) ?? []
    this.inboxes.set(key, inbox)
    return inbox
  }

  private run(slot: number, value: unknown, key: string): void {
    this.operators[slot]?.onRecord(value as never, this.context(slot, key) as never)
  }

  private takeIn(key: string, item: Extract<Item, { kind: 'state' }>): void {
    if (this.links.has(`${key}\n${item.link}`)) return
    this.links.add(`${key}\n${item.link}`)
    for (const [slot, op] of this.operators.entries()) {
      const theirs = item.states.get(op.id)
      if (theirs === undefined || op.merge === 'discard') continue
      assert(typeof op.merge === 'function', `${op.id} has a merge function`)
      const cx = this.context(slot, key)
      cx.set(op.merge(cx.get() as never, theirs as never, this.now))
    }
    for (const [slot, op] of this.operators.entries())
      op.onMerged?.(item.from, this.context(slot, key) as never)
  }

  private handOver(except: number, key: string, target: string, link: string): void {
    const states = new Map<string, unknown>()
    for (const [slot, op] of this.operators.entries()) {
      if (slot === except) continue
      const name = `${key}\n${op.id}`
      if (this.states.has(name)) states.set(op.id, this.states.get(name))
      this.states.delete(name)
      for (const id of this.timers.keys())
        if (id.startsWith(`${key}\n${slot}\n`)) this.timers.delete(id)
    }
    this.inbox(target).push({ kind: 'state', from: key, link, states })
  }

  private emit(slot: number, key: string, name: string, value: unknown): void {
    const from = (this.operators[slot] as AnyOperator).id
    this.emitted.push({ key, from, name, value: structuredClone(value) })
    if (name === 'forward') {
      const { to, record } = value as Forward
      this.send(to, structuredClone(record))
    }
    const next = this.operators.findIndex((op) => op.id === this.wires[`${from}.${name}`])
    if (next >= 0) this.run(next, value, key)
  }

  private context(slot: number, key: string): Context<unknown, Record<string, never>> {
    const op = this.operators[slot] as AnyOperator
    const name = `${key}\n${op.id}`
    const timer = (t: string): string => `${key}\n${slot}\n${t}`
    return {
      key,
      now: this.now,
      time: this.now,
      mode: 'live',
      get: () => this.state(op as never, key),
      set: (next) => void this.states.set(name, reload(op.state, next)),
      clear: () => void this.states.delete(name),
      emit: (output: string, value: unknown) => this.emit(slot, key, output, value),
      setTimer: (t, due) => void this.timers.set(timer(t), due),
      cancelTimer: (t) => void this.timers.delete(timer(t)),
      timerDue: (t) => this.timers.get(timer(t)),
      read: (from) => this.state(from, key),
      shared: <V>(from: Broadcast<V, never>) => from.initial,
      transfer: (target, link) => this.handOver(slot, key, target, link),
    }
  }
}

function reload(spec: StateSpec<never>, value: unknown): unknown {
  const codec = spec.codec ?? jsonCodec<unknown>()
  const writer = new ByteWriter()
  codec.write(value as never, writer)
  return codec.read(writer.copy())
}
