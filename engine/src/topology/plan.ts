/** The topology as data: what the builder makes, what the runtime runs, what `describe` shows. */
import type { Codec } from '../codec/codec.ts'
import type { Broadcast, Mode, Operator, Outputs } from '../operator.ts'
import type { Millis } from '../time.ts'

/** What a stateless step may know of the record beside its value. */
export interface RecordInfo {
  /** The key of the keyed stage it is in; null in a stage without one. */
  readonly key: string | null
  readonly time: Millis
  readonly now: Millis
  readonly mode: Mode
  /** Where the record was read: the source position, or the inbox's. */
  readonly topic: string
  readonly partition: number
  readonly offset: number
  /** When it was appended there. */
  readonly appendedAt: Millis
  /** Its bytes as read. */
  readonly bytes: Buffer
  /** Of a record of a source, as its producer set them; none in a keyed stage. */
  headers(): readonly (readonly [string, Uint8Array])[]
}

/**
 * How a source partition tells time (the mark it gives downstream).
 * `event`: the largest event time seen less `disorder`. `append`: the time of the last record read.
 * `idle`: what counts once the partition was read to its end: `hold` keeps the mark (a replay),
 * `wall` follows the wall clock (a live source: nothing older can come any more), `leave` stops
 * holding others back after `idleAfter` (event time over partitions of which some are silent).
 */
export type SourceClock =
  | {
      readonly kind: 'append'
      readonly idle: 'wall' | 'hold'
      /** An empty partition does not hold others back: a topic that may never be used. */
      readonly optional?: boolean
    }
  | {
      readonly kind: 'event'
      readonly disorder: Millis
      readonly idle: 'hold' | 'leave'
      readonly idleAfter?: Millis
      /** A time further than this ahead of the append time is clamped for the mark and counted. */
      readonly maxAhead?: Millis
    }

export interface SourceSpec<T> {
  readonly topic: string
  readonly codec: Codec<T>
  /** Partitions to create the topic with where it does not exist. */
  readonly partitions?: number
  readonly clock: SourceClock
  /** The record's event time; absent: the time of its append. */
  readonly time?: (value: T, appendedAt: Millis) => Millis
  /** `history`: until a control record says live. Default live. */
  readonly startsIn?: Mode
  readonly retentionMs?: Millis
}

export interface InboxSpec<T> {
  readonly codec: Codec<T>
  readonly partitions?: number
  /** Keys may turn out to be one (identity): every operator must then say how its state merges. */
  readonly mergeable?: boolean
  readonly retentionMs?: Millis
}

/** A record for a sink topic. */
export interface SinkSpec<T> {
  readonly topic: string
  /** The record's key; null: none. */
  readonly key?: (value: T) => string | null
  readonly codec: Codec<T>
  /**
   * `task`: partition p of the sink is written by partition p of the stage alone.
   * `key`: by hash of the key. Default `key` where there is one, else `task`.
   */
  readonly partitionBy?: 'task' | 'key'
  readonly partitions?: number
  readonly cleanup?: 'delete' | 'compact'
  readonly retentionMs?: Millis
  /** Links each record of a task to the one before it; state lives and dies with the epoch. */
  readonly chain?: SinkChain<T>
}

export interface SinkChain<T> {
  readonly initial: (chain: string) => unknown
  /** Pure: the next state and the bytes to write. */
  next(
    state: unknown,
    value: T,
    at: { readonly now: Millis; readonly bytes: Buffer },
  ): {
    readonly state: unknown
    readonly bytes: Buffer
  }
}

interface NodeBase {
  readonly id: string
  /** Ids of the nodes it feeds, by output name ('out' where there is one output). */
  readonly outputs: Map<string, TopologyNode[]>
  /** Outputs that nobody wants, on purpose. */
  readonly ignored: Set<string>
}

export type Emit<O> = { readonly [N in keyof O & string]: (value: unknown) => void }

export type TopologyNode = NodeBase &
  (
    | { readonly kind: 'source'; readonly spec: SourceSpec<unknown> }
    | { readonly kind: 'inbox'; readonly spec: InboxSpec<unknown> }
    | { readonly kind: 'map'; readonly map: (value: unknown, info: RecordInfo) => unknown }
    | { readonly kind: 'filter'; readonly keep: (value: unknown, info: RecordInfo) => boolean }
    | {
        readonly kind: 'flatMap'
        readonly expand: (value: unknown, info: RecordInfo) => Iterable<unknown>
      }
    | {
        readonly kind: 'branch'
        readonly names: readonly string[]
        readonly route: (value: unknown, emit: Emit<Outputs>, info: RecordInfo) => void
      }
    | { readonly kind: 'merge' }
    | {
        readonly kind: 'process'
        readonly operator: Operator<unknown, unknown, Outputs>
        /** What kind of join it is, in words; null: it is none. */
        readonly join: string | null
      }
    | {
        readonly kind: 'into'
        readonly inbox: TopologyNode & { kind: 'inbox' }
        readonly key: (value: unknown) => string
        /** What becomes of the value on its way into the inbox's vocabulary. */
        readonly wrap: (value: unknown) => unknown
        readonly edge: number
        readonly loop: boolean
        /** Which side of a join it feeds; null: the inbox is not a join's. */
        readonly side: 'left' | 'right' | null
      }
    | {
        readonly kind: 'broadcast'
        readonly inbox: TopologyNode & { kind: 'inbox' }
        readonly broadcast: Broadcast<unknown, never>
        readonly codec: Codec<unknown>
        readonly edge: number
      }
    | { readonly kind: 'sink'; readonly spec: SinkSpec<unknown> }
  )

export type InboxNode = TopologyNode & { readonly kind: 'inbox' }
export type SourceNode = TopologyNode & { readonly kind: 'source' }
export type ProcessNode = TopologyNode & { readonly kind: 'process' }

export interface BroadcastInput {
  readonly broadcast: Broadcast<unknown, never>
  readonly codec: Codec<unknown>
}

/** A stage: everything between one input topic and the next. One task per partition runs it. */
export interface Stage {
  readonly id: string
  readonly entry: SourceNode | InboxNode
  readonly topic: string
  readonly partitions: number
  /** Nodes in the order they may run (inputs first). */
  readonly nodes: readonly TopologyNode[]
  /** Its keyed operators, in that order: the index is the state slot. */
  readonly operators: readonly ProcessNode[]
  /** Stages whose tasks' marks hold back this stage's time (loops and broadcasts do not). */
  readonly upstream: readonly string[]
  /** Broadcast inputs by edge. */
  readonly broadcasts: ReadonlyMap<number, BroadcastInput>
  readonly changelog: string | null
}

export interface TopicPlan {
  readonly name: string
  readonly partitions: number
  readonly cleanup: 'delete' | 'compact'
  readonly retentionMs?: Millis
}

export interface Plan {
  readonly id: string
  readonly stages: readonly Stage[]
  readonly topics: readonly TopicPlan[]
  /** Where source tasks keep their time (compacted). */
  readonly sourceStates: string
  readonly deadLetters: string
}
