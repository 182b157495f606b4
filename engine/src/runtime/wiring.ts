/** From a stage's nodes to functions that call each other: one call per record and node, no lookups. */
import type { Operator, Outputs } from '../operator.ts'
import type { Millis } from '../time.ts'
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
}

const nothing: Accept = () => {}

export function wire(stage: Stage, host: ContextHost, outputs: TaskOutputs): Wiring {
  const made = new Map<TopologyNode, Accept>()
  const operators: WiredOperator[] = []
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
    if (node.kind === 'process') {
      const outs = feeds(node, Object.keys(node.operator.outputs))
      const wired = { operator: node.operator, context: new OperatorContext(host, node.operator, outs) }
      operators[host.slotOf(node.operator.id)] = wired
      made.set(node, (value) => wired.operator.onRecord(value, wired.context))
    } else made.set(node, step(node, { current, outputs, feed, feeds }))
  }
  return { accept: made.get(stage.entry) ?? nothing, operators }
}

interface Parts {
  readonly current: Current
  readonly outputs: TaskOutputs
  feed(node: TopologyNode, name: string): Accept
  feeds(node: TopologyNode, names: readonly string[]): Record<string, Accept>
}

function step(node: Exclude<TopologyNode, ProcessNode>, parts: Parts): Accept {
  const { current } = parts
  const next = parts.feed(node, 'out')
  switch (node.kind) {
    case 'source':
    case 'inbox':
    case 'merge':
      return next
    case 'map':
      return (value) => next(node.map(value, current))
    case 'filter':
      return (value) => {
        if (node.keep(value, current)) next(value)
      }
    case 'flatMap':
      return (value) => {
        for (const each of node.expand(value, current)) next(each)
      }
    case 'branch': {
      const emit = parts.feeds(node, node.names) as Emit<Outputs>
      return (value) => node.route(value, emit, current)
    }
    case 'into':
      return intoInbox(node, parts)
    case 'broadcast':
      return (value) => {
        const item = itemOf(current, { edge: node.edge, mark: parts.outputs.mark }, null)
        parts.outputs.toInbox(node.inbox.id, item, value, node.codec)
      }
    case 'sink':
      return (value) => parts.outputs.toSink(node.id, node.spec, value, current)
  }
}

/** One item object per node, overwritten: frames copy what they need. */
function intoInbox(node: TopologyNode & { kind: 'into' }, parts: Parts): Accept {
  const { current, outputs } = parts
  const item = itemOf(current, { edge: node.edge, mark: outputs.mark }, '')
  const { codec } = node.inbox.spec
  return (value) => {
    item.key = node.key(value)
    item.mode = current.mode
    item.time = current.time
    item.mark = outputs.mark
    outputs.toInbox(node.inbox.id, item, node.wrap(value), codec)
  }
}

function itemOf(current: Current, at: { edge: number; mark: Millis }, key: string | null) {
  return { edge: at.edge, key, mode: current.mode, time: current.time, mark: at.mark }
}
