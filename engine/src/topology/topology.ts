/**
 * The topology builder: streams as values, types inferred, mistakes refused before anything runs.
 *
 * T1 Every node has an id of its own. Stateful ones must be given one: it names state and timers for ever.
 * T2 Every output leads somewhere or is ignored on purpose.
 * T3 A keyed operator stands on a keyed stream; under a mergeable inbox it says how its state merges.
 * T4 Loops close only through an inbox, and say so.
 */
import type { Codec } from '../codec/codec.ts'
import { OpportuneError } from '../errors.ts'
import { invalidJoin, type Join, type JoinOn, type JoinSide, type Tagged } from '../joins/join.ts'
import { asLeft, asRight, taggedCodec } from '../joins/tagged.ts'
import type { Broadcast, Operator, Outputs, OutputValue } from '../operator.ts'
import { compile } from './compile.ts'
import type {
  InboxNode,
  InboxSpec,
  Plan,
  RecordInfo,
  SinkSpec,
  SourceSpec,
  TopologyNode,
} from './plan.ts'

export type Streams<O extends Outputs, K extends boolean> = {
  readonly [N in keyof O & string]: K extends true
    ? KeyedStream<OutputValue<O, N>>
    : Stream<OutputValue<O, N>>
}

interface IntoOptions<T, R> {
  /** What the inbox's records are made of; needed where the types differ. */
  readonly wrap?: (value: T) => R
  /** This stream comes out of the stage that it feeds: its marks do not hold that stage's time. */
  readonly loop?: boolean
}

const ID = /^[a-z][a-z0-9-]*$/

/** One named topology. `build` checks it and makes the plan that a worker runs. */
export class Topology {
  readonly id: string
  readonly #nodes = new Map<string, TopologyNode>()
  readonly #edges = new Map<string, number>()
  #unnamed = 0

  constructor(id: string) {
    this.id = id
  }

  source<T>(id: string, spec: SourceSpec<T>): Stream<T> {
    return new Stream<T>(this, [this.add({ ...base(id), kind: 'source', spec: erase(spec) })])
  }

  /** An internal topic that several streams feed, read in its own order by one keyed stage. */
  inbox<T>(id: string, spec: InboxSpec<T>): Inbox<T> {
    const node = this.add({ ...base(id), kind: 'inbox', spec: erase(spec) }) as InboxNode
    return new Inbox<T>(this, node)
  }

  /** @throws topology_unconfigured_output, topology_unkeyed, topology_missing_merge, topology_cycle */
  build(): Plan {
    return compile(this.id, [...this.#nodes.values()])
  }

  /** @internal */
  add(node: TopologyNode): TopologyNode {
    if (!ID.test(node.id))
      throw new OpportuneError(
        'topology_duplicate_id',
        `'${node.id}' is no id (lower case, digits, dashes).`,
      )
    if (this.#nodes.has(node.id))
      throw new OpportuneError('topology_duplicate_id', `'${node.id}' is taken.`, { id: node.id })
    this.#nodes.set(node.id, node)
    return node
  }

  /** @internal the next free id for a stateless node */
  name(kind: string): string {
    return `${kind.toLowerCase()}-${++this.#unnamed}`
  }

  /** @internal the number of a new input of an inbox */
  edge(inbox: InboxNode): number {
    const next = this.#edges.get(inbox.id) ?? 0
    this.#edges.set(inbox.id, next + 1)
    return next
  }
}

export const topology = (id: string): Topology => new Topology(id)

type Tail = readonly (readonly [node: TopologyNode, output: string])[]

export class Stream<T> {
  protected readonly topology: Topology
  protected readonly tail: Tail

  constructor(owner: Topology, nodes: readonly TopologyNode[] | Tail) {
    this.topology = owner
    this.tail = nodes.map((n) => (Array.isArray(n) ? n : [n, 'out']) as Tail[number])
  }

  map<R>(map: (value: T, info: RecordInfo) => R, id = this.topology.name('map')): Stream<R> {
    return this.step({ ...base(id), kind: 'map', map: map as never })
  }

  filter(keep: (value: T, info: RecordInfo) => boolean, id?: string): Stream<T> {
    return this.step({
      ...base(id ?? this.topology.name('filter')),
      kind: 'filter',
      keep: keep as never,
    })
  }

  flatMap<R>(expand: (value: T, info: RecordInfo) => Iterable<R>, id?: string): Stream<R> {
    return this.step({
      ...base(id ?? this.topology.name('flatMap')),
      kind: 'flatMap',
      expand: expand as never,
    })
  }

  /** Sends each value to any of the named outputs; an output without a taker is refused at build. */
  branch<O extends Outputs>(
    id: string,
    outputs: O,
    route: (
      value: T,
      emit: { readonly [N in keyof O & string]: (value: OutputValue<O, N>) => void },
      info: RecordInfo,
    ) => void,
  ): Streams<O, false> {
    const node = this.attach({
      ...base(id),
      kind: 'branch',
      names: Object.keys(outputs),
      route: route as never,
    })
    return this.outputs(node, Object.keys(outputs), false) as Streams<O, false>
  }

  merge(...others: readonly Stream<T>[]): Stream<T> {
    return new Stream<T>(this.topology, [...this.tail, ...others.flatMap((o) => o.tail)])
  }

  /** Repartitions by key through an internal topic named `id`. */
  keyBy(id: string, key: (value: T) => string, spec: InboxSpec<T>): KeyedStream<T> {
    const inbox = this.topology.inbox<T>(id, spec)
    this.into(inbox, key)
    return inbox.stream()
  }

  /** Feeds an inbox. */
  into<R = T>(inbox: Inbox<R>, key: (value: T) => string, options: IntoOptions<T, R> = {}): void {
    this.feed(inbox, key, options)
  }

  /** Every task of the inbox gets every value; operators read the folded value with `cx.shared`. */
  broadcastTo<V, I>(inbox: Inbox<I>, broadcast: Broadcast<V, T>, codec: Codec<T>): void {
    this.attach({
      ...base(this.topology.name(`broadcast-${broadcast.id}`)),
      kind: 'broadcast',
      inbox: inbox.node,
      broadcast: broadcast as never,
      codec: codec as never,
      edge: this.topology.edge(inbox.node),
    })
  }

  /**
   * Joins this stream, the left side, with another: both go into one internal topic, `<id>-sides`, and
   * `how` (streamJoin, tableJoin, ...) says which records meet there. `id` names the join's state.
   * @example
   * const { out, late } = people.join('new-sellers', auctions,
   *   { left: { key: (p) => p.id, codec: personCodec }, right: { key: (a) => a.seller, codec: auctionCodec } },
   *   streamJoin({ reach: sameWindow({ size: seconds(10) }), keep: 'inner' }))
   * @throws topology_unkeyed, join_invalid
   */
  join<R, S, O extends Outputs>(
    id: string,
    right: Stream<R>,
    on: JoinOn<T, R>,
    how: Join<T, R, S, O>,
  ): Streams<O, true> {
    checkSide(id, 'left', on.left)
    checkSide(id, 'right', on.right)
    const { partitions, mergeable, retentionMs } = on
    const codecs = { left: on.left.codec, right: on.right.codec }
    const { operator, words } = how(id, codecs)
    const inbox = this.topology.inbox<Tagged<T, R>>(`${id}-sides`, {
      codec: taggedCodec(codecs),
      ...(partitions === undefined ? {} : { partitions }),
      ...(mergeable === undefined ? {} : { mergeable }),
      ...(retentionMs === undefined ? {} : { retentionMs }),
    })
    this.feed(inbox, on.left.key, { wrap: asLeft, side: 'left' })
    right.feed(inbox, on.right.key, { wrap: asRight, side: 'right' })
    return inbox.stream().stand(operator, words)
  }

  sink(id: string, spec: SinkSpec<T>): void {
    this.attach({ ...base(id), kind: 'sink', spec: erase(spec) })
  }

  /** Nobody wants this output, on purpose. */
  ignore(): void {
    for (const [node, name] of this.tail) node.ignored.add(name)
  }

  /** A keyed operator; only a keyed stream has the key it needs. */
  process<S, O extends Outputs>(
    this: KeyedStream<T>,
    operator: Operator<T, S, O>,
  ): Streams<O, true> {
    if (!(this instanceof KeyedStream))
      throw new OpportuneError('topology_unkeyed', `'${operator.id}' needs a key.`, {
        id: operator.id,
      })
    return this.stand(operator, null)
  }

  /** @internal */
  tailOf(): Tail {
    return this.tail
  }

  protected feed<R>(
    inbox: Inbox<R>,
    key: (value: T) => string,
    options: IntoOptions<T, R> & { readonly side?: 'left' | 'right' },
  ): void {
    const { side = null } = options
    // An inbox has one of each side, so that their names need no number.
    const name =
      side === null ? this.topology.name(`into-${inbox.node.id}`) : `${inbox.node.id}-${side}`
    this.attach({
      ...base(name),
      kind: 'into',
      inbox: inbox.node,
      key: key as never,
      wrap: (options.wrap as never) ?? identity,
      edge: this.topology.edge(inbox.node),
      loop: options.loop ?? false,
      side,
    })
  }

  /** A keyed operator's node. @param join what kind of join it is, in words; null: none */
  protected stand<S, O extends Outputs>(
    operator: Operator<never, S, O>,
    join: string | null,
  ): Streams<O, true> {
    const names = Object.keys(operator.outputs)
    const node = this.attach({
      ...base(operator.id),
      kind: 'process',
      operator: operator as never,
      join,
    })
    return this.outputs(node, names, true) as Streams<O, true>
  }

  protected attach(node: TopologyNode): TopologyNode {
    this.topology.add(node)
    for (const [from, name] of this.tail) {
      const fed = from.outputs.get(name)
      if (fed === undefined) from.outputs.set(name, [node])
      else fed.push(node)
    }
    return node
  }

  protected step<R>(node: TopologyNode): Stream<R> {
    return new Stream<R>(this.topology, [this.attach(node)])
  }

  protected outputs(
    node: TopologyNode,
    names: readonly string[],
    keyed: boolean,
  ): Record<string, Stream<unknown>> {
    const streams: Record<string, Stream<unknown>> = {}
    for (const name of names) {
      const tail: Tail = [[node, name]]
      node.outputs.set(name, [])
      streams[name] = keyed ? new KeyedStream(this.topology, tail) : new Stream(this.topology, tail)
    }
    return streams
  }
}

/** A stream whose records carry the key of the stage they are in. Mapping keeps the key. */
export class KeyedStream<T> extends Stream<T> {
  /** Tells the compiler apart what has a key from what has none. */
  readonly keyed = true as const

  override map<R>(map: (value: T, info: RecordInfo) => R, id?: string): KeyedStream<R> {
    return new KeyedStream<R>(this.topology, super.map(map, id).tailOf())
  }

  /** Streams of one stage share its key. */
  override merge(...others: readonly KeyedStream<T>[]): KeyedStream<T> {
    return new KeyedStream<T>(this.topology, super.merge(...others).tailOf())
  }

  override filter(keep: (value: T, info: RecordInfo) => boolean, id?: string): KeyedStream<T> {
    return new KeyedStream<T>(this.topology, super.filter(keep, id).tailOf())
  }

  override flatMap<R>(
    expand: (value: T, info: RecordInfo) => Iterable<R>,
    id?: string,
  ): KeyedStream<R> {
    return new KeyedStream<R>(this.topology, super.flatMap(expand, id).tailOf())
  }
}

/** An internal topic and the stage that reads it. */
export class Inbox<T> {
  /** @internal */
  readonly node: InboxNode
  readonly #topology: Topology

  constructor(owner: Topology, node: InboxNode) {
    this.#topology = owner
    this.node = node
  }

  /** Its records, keyed, in the order of the inbox. */
  stream(): KeyedStream<T> {
    return new KeyedStream<T>(this.#topology, [this.node])
  }
}

function checkSide<T>(id: string, name: string, side: Partial<JoinSide<T>> | undefined): void {
  if (typeof side?.key !== 'function')
    throw new OpportuneError('topology_unkeyed', `The ${name} side of '${id}' has no key.`, { id })
  if (typeof side.codec?.write !== 'function' || typeof side.codec.read !== 'function')
    throw invalidJoin(`${name} side has no codec ('${id}'): its records could not be kept`)
}

const identity = (value: unknown): unknown => value

const base = (id: string): Pick<TopologyNode, 'id' | 'outputs' | 'ignored'> => ({
  id,
  outputs: new Map(),
  ignored: new Set(),
})

/** Specs are stored without their type parameter; the stream that made them keeps it. */
const erase = <T>(spec: T): never => spec as never
