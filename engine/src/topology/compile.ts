/**
 * From the builder's nodes to stages: each source and each inbox opens a stage that holds every node
 * reachable without crossing another inbox. Stateless nodes reachable from two entries run in both
 * stages; stateful ones may not (their state would be split).
 */
import { OpportuneError } from '../errors.ts'
import type {
  BroadcastInput,
  InboxNode,
  Plan,
  ProcessNode,
  SourceNode,
  Stage,
  TopicPlan,
  TopologyNode,
} from './plan.ts'

const DEFAULT_PARTITIONS = 1
const DEAD_LETTERS = 'dead-letters'

export function compile(id: string, nodes: readonly TopologyNode[]): Plan {
  checkOutputs(nodes)
  const entries = nodes.filter(
    (n): n is SourceNode | InboxNode => n.kind === 'source' || n.kind === 'inbox',
  )
  const reach = new Map(entries.map((entry) => [entry, reachable(entry)]))
  checkOwners(reach)
  checkMerges(reach)
  const upstream = stageEdges(reach)
  checkLoops(entries, upstream)
  const stages = entries.map((entry): Stage => {
    const inside = reach.get(entry) ?? []
    const operators = inside.filter((n): n is ProcessNode => n.kind === 'process')
    return {
      id: entry.id,
      entry,
      topic: entry.kind === 'source' ? entry.spec.topic : entry.id,
      partitions: entry.spec.partitions ?? DEFAULT_PARTITIONS,
      nodes: inside,
      operators,
      upstream: [...(upstream.get(entry.id) ?? [])].sort(),
      broadcasts: broadcastInputs(nodes, entry),
      changelog: operators.length === 0 ? null : `${entry.id}.changelog`,
    }
  })
  const sourceStates = `${id}.sources`
  const planned = [
    ...topics(stages),
    { name: sourceStates, partitions: 1, cleanup: 'compact' as const },
  ]
  // A sink may write there as well.
  if (!planned.some(({ name }) => name === DEAD_LETTERS))
    planned.push({ name: DEAD_LETTERS, partitions: 1, cleanup: 'delete' })
  return { id, stages, topics: planned, sourceStates, deadLetters: DEAD_LETTERS }
}

/** Nodes of an entry's stage, inputs before the nodes they feed. */
function reachable(entry: TopologyNode): readonly TopologyNode[] {
  const order: TopologyNode[] = []
  const seen = new Set<TopologyNode>()
  const visit = (node: TopologyNode, path: ReadonlySet<TopologyNode>): void => {
    if (path.has(node))
      throw new OpportuneError('topology_cycle', `'${node.id}' feeds itself.`, { id: node.id })
    if (seen.has(node)) return
    seen.add(node)
    const further = new Set(path).add(node)
    for (const fed of node.outputs.values()) for (const next of fed) visit(next, further)
    order.push(node)
  }
  visit(entry, new Set())
  return order.reverse()
}

function checkOutputs(nodes: readonly TopologyNode[]): void {
  for (const node of nodes) {
    if (node.kind === 'sink' || node.kind === 'into' || node.kind === 'broadcast') continue
    const names = node.outputs.size === 0 ? ['out'] : [...node.outputs.keys()]
    for (const name of names)
      if (
        (node.outputs.get(name)?.length ?? 0) === 0 &&
        !node.ignored.has(name) &&
        !endsQuietly(node)
      )
        throw new OpportuneError(
          'topology_unconfigured_output',
          `Output '${name}' of '${node.id}' leads nowhere.`,
          { id: node.id, output: name },
        )
  }
}

/** An operator without outputs works for its state alone. */
const endsQuietly = (node: TopologyNode): boolean =>
  node.kind === 'process' && Object.keys(node.operator.outputs).length === 0

function checkOwners(reach: ReadonlyMap<TopologyNode, readonly TopologyNode[]>): void {
  const owner = new Map<TopologyNode, TopologyNode>()
  for (const [entry, nodes] of reach)
    for (const node of nodes) {
      if (node.kind !== 'process') continue
      if (entry.kind !== 'inbox' || owner.has(node))
        throw new OpportuneError(
          'topology_unkeyed',
          `'${node.id}' must stand behind exactly one inbox.`,
          { id: node.id },
        )
      owner.set(node, entry)
    }
}

function checkMerges(reach: ReadonlyMap<TopologyNode, readonly TopologyNode[]>): void {
  for (const [entry, nodes] of reach) {
    if (entry.kind !== 'inbox' || entry.spec.mergeable !== true) continue
    for (const node of nodes)
      if (node.kind === 'process' && node.operator.merge === undefined)
        throw new OpportuneError(
          'topology_missing_merge',
          `'${node.id}' stands behind '${entry.id}', whose keys may turn out to be one.`,
          { id: node.id },
        )
  }
}

/** Which stages' marks hold back which stage. Loops and broadcasts do not. */
function stageEdges(
  reach: ReadonlyMap<TopologyNode, readonly TopologyNode[]>,
): Map<string, Set<string>> {
  const upstream = new Map<string, Set<string>>()
  for (const [entry, nodes] of reach)
    for (const node of nodes) {
      if (node.kind !== 'into' || node.loop) continue
      const into = upstream.get(node.inbox.id) ?? new Set<string>()
      upstream.set(node.inbox.id, into.add(entry.id))
    }
  return upstream
}

function checkLoops(
  entries: readonly TopologyNode[],
  upstream: ReadonlyMap<string, ReadonlySet<string>>,
): void {
  for (const entry of entries) {
    const seen = new Set<string>()
    const waiting = [...(upstream.get(entry.id) ?? [])]
    for (let from = waiting.pop(); from !== undefined; from = waiting.pop()) {
      if (from === entry.id)
        throw new OpportuneError('topology_cycle', `'${entry.id}' waits for its own time.`, {
          id: entry.id,
        })
      if (!seen.has(from)) waiting.push(...(upstream.get(from) ?? []))
      seen.add(from)
    }
  }
}

function broadcastInputs(
  nodes: readonly TopologyNode[],
  inbox: TopologyNode,
): Map<number, BroadcastInput> {
  const inputs = new Map<number, BroadcastInput>()
  for (const node of nodes)
    if (node.kind === 'broadcast' && node.inbox === inbox)
      inputs.set(node.edge, { broadcast: node.broadcast, codec: node.codec })
  return inputs
}

function topics(stages: readonly Stage[]): readonly TopicPlan[] {
  const plans = new Map<string, TopicPlan>()
  for (const stage of stages) {
    const retention = stage.entry.spec.retentionMs
    plans.set(stage.topic, {
      name: stage.topic,
      partitions: stage.partitions,
      cleanup: 'delete',
      ...(retention === undefined ? {} : { retentionMs: retention }),
    })
    if (stage.changelog !== null)
      plans.set(stage.changelog, {
        name: stage.changelog,
        partitions: stage.partitions,
        cleanup: 'compact',
      })
    for (const node of stage.nodes) {
      if (node.kind !== 'sink' || plans.has(node.spec.topic)) continue
      plans.set(node.spec.topic, {
        name: node.spec.topic,
        partitions: node.spec.partitions ?? stage.partitions,
        cleanup: node.spec.cleanup ?? 'delete',
        ...(node.spec.retentionMs === undefined ? {} : { retentionMs: node.spec.retentionMs }),
      })
    }
  }
  return [...plans.values()]
}
