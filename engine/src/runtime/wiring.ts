/** From a stage's nodes to functions that call each other: one call per record and node, no lookups. */
import type { Codec } from '../codec/codec.ts'
import type { FrameItem } from '../frame/frame.ts'
import type { Operator, Outputs } from '../operator.ts'
import type { Emit, ProcessNode, Stage, TopologyNode } from '../topology/plan.ts'
import type { Accept, ContextHost, Current } from './context.ts'
import { OperatorContext } from './context.ts'
import type { Outputs as TaskOutputs } from './outputs.ts'

export interface WiredOperator {
  readonly operator: Operator<unknown, unknown, Outputs>
  readonly context: OperatorContext
}

export interface Wiring {
  /** Takes a value of the stage's entry. */
  readonly accept: Accept
  /** By state slot. */
  readonly operators: readonly WiredOperator[]
  /** Values taken in so far, by node id. */
  readonly tallies: ReadonlyMap<string, Tally>
}

/** Counts in the closure of its node: a field, not a look-up, per value. */
export interface Tally {
  values: number
}

const nothing: Accept = () => {}

export function wire(stage: Stage, host: ContextHost, outputs: TaskOutputs): Wiring {
  const made = new Map<TopologyNode, Accept>()
  const operators: WiredOperator[] = []
  const tallies = new Map<string, Tally>()
  const { current } = host

  const feed = (node: TopologyNode, name: string): Accept => {
    const next = (node.outputs.get(name) ?? []).map((n) => made.get(n) ?? nothing)
    const [first, second] = next
    if (first === undefined) return nothing
    if (second === undefined) return first
    return (value) => {
      for (const accept of next) accept(value)
    }
  }
  const feeds = (node: TopologyNode, names: readonly string[]): Record<string, Accept> => {
    const table: Record<string, Accept> = Object.create(null)
    for (const name of names) table[name] = feed(node, name)
    return table
  }

  // Nodes come inputs first; a node's takers must exist before it does.
  for (const node of [...stage.nodes].reverse()) {
    const tally: Tally = { values: 0 }
    tallies.set(node.id, tally)
    if (node.kind === 'process') {
      const outs = feeds(node, Object.keys(node.operator.outputs))
      const wired = {
        operator: node.operator,
        context: new OperatorContext(host, node.operator, outs),
      }
      operators[host.slotOf(node.operator.id)] = wired
      made.set(node, (value) => {
        tally.values++
        wired.operator.onRecord(value, wired.context)
      })
    } else made.set(node, step(node, { current, outputs, tally, feed, feeds }))
  }
  return { accept: made.get(stage.entry) ?? nothing, operators, tallies }
}

interface Parts {
  readonly current: Current
  readonly outputs: TaskOutputs
  readonly tally: Tally
  feed(node: TopologyNode, name: string): Accept
  feeds(node: TopologyNode, names: readonly string[]): Record<string, Accept>
}

function step(node: Exclude<TopologyNode, ProcessNode>, parts: Parts): Accept {
  const { current, tally } = parts
  const next = parts.feed(node, 'out')
  switch (node.kind) {
    case 'source':
    case 'inbox':
    case 'merge':
      return (value) => {
        tally.values++
        next(value)
      }
    case 'map':
      return (value) => {
        tally.values++
        next(node.map(value, current))
      }
    case 'filter':
      return (value) => {
        tally.values++
        if (node.keep(value, current)) next(value)
      }
    case 'flatMap':
      return (value) => {
        tally.values++
        const expanded = node.expand(value, current)
        // An iterator for each record costs more than most expansions do.
        if (Array.isArray(expanded)) for (let i = 0; i < expanded.length; i++) next(expanded[i])
        else for (const each of expanded) next(each)
      }
    case 'branch': {
      const emit = parts.feeds(node, node.names) as Emit<Outputs>
      return (value) => {
        tally.values++
        node.route(value, emit, current)
      }
    }
    case 'into':
    case 'broadcast':
      return intoInbox(node, parts)
    case 'sink':
      return (value) => {
        tally.values++
        parts.outputs.toSink(node.id, node.spec, value, current)
      }
  }
}

/** One item object per node, overwritten: frames copy what they need. */
function intoInbox(node: TopologyNode & { kind: 'into' | 'broadcast' }, parts: Parts): Accept {
  const { current, outputs, tally } = parts
  const item: FrameItem = { edge: node.edge, key: null, mode: 'live', time: 0, mark: 0 }
  const inbox = outputs.inbox(node.inbox.id)
  const send = (value: unknown, codec: Codec<unknown>): void => {
    tally.values++
    item.mode = current.mode
    item.time = current.time
    item.mark = outputs.mark
    outputs.toInbox(inbox, item, value, codec)
  }
  if (node.kind === 'broadcast') return (value) => send(value, node.codec)
  const { codec } = node.inbox.spec
  return (value) => {
    item.key = node.key(value)
    send(node.wrap(value), codec)
  }
}
