/** A topology as data, as text for a terminal, and as a Mermaid flowchart. */
import type { Plan, Stage, TopologyNode } from './plan.ts'

export interface DescribedNode {
  readonly id: string
  readonly kind: string
  /** State version of a keyed operator. */
  readonly state?: number
  /** What kind of join it is. */
  readonly join?: string
  readonly merge?: 'function' | 'discard' | 'cancel'
  readonly reads?: readonly string[]
  readonly broadcasts?: readonly string[]
  readonly topic?: string
  readonly feeds: readonly { readonly output: string; readonly to: string }[]
}

export interface DescribedStage {
  readonly id: string
  readonly topic: string
  readonly partitions: number
  /** Stages whose time holds this one's back. */
  readonly waitsFor: readonly string[]
  readonly changelog: string | null
  readonly nodes: readonly DescribedNode[]
}

export interface Description {
  readonly id: string
  readonly stages: readonly DescribedStage[]
}

/** The plan without its functions: plain JSON, in a stable order. */
export function describe(plan: Plan): Description {
  return { id: plan.id, stages: plan.stages.map(describeStage) }
}

function describeStage(stage: Stage): DescribedStage {
  return {
    id: stage.id,
    topic: stage.topic,
    partitions: stage.partitions,
    waitsFor: stage.upstream,
    changelog: stage.changelog,
    nodes: stage.nodes.map(describeNode),
  }
}

function describeNode(node: TopologyNode): DescribedNode {
  const feeds = [...node.outputs].flatMap(([name, to]) =>
    to.map((next) => ({ output: name, to: next.id })),
  )
  const base = { id: node.id, kind: node.kind, feeds }
  switch (node.kind) {
    case 'process': {
      const { state, merge, reads, broadcasts } = node.operator
      return {
        ...base,
        state: state.version,
        ...(node.join === null ? {} : { join: node.join }),
        ...(merge === undefined ? {} : { merge: typeof merge === 'function' ? 'function' : merge }),
        ...(reads === undefined ? {} : { reads: reads.map((r) => r.id) }),
        ...(broadcasts === undefined ? {} : { broadcasts: broadcasts.map((b) => b.id) }),
      }
    }
    case 'into':
      return {
        ...base,
        feeds: [{ output: node.loop ? 'loop' : (node.side ?? 'out'), to: node.inbox.id }],
      }
    case 'broadcast':
      return { ...base, feeds: [{ output: 'broadcast', to: node.inbox.id }] }
    case 'sink':
    case 'source':
      return { ...base, topic: node.spec.topic }
    default:
      return base
  }
}

/** Indented text, one line a node. */
export function describeText(description: Description): string {
  const lines = [`topology ${description.id}`]
  for (const stage of description.stages) {
    const waits = stage.waitsFor.length === 0 ? '' : `, time from ${stage.waitsFor.join(', ')}`
    lines.push('', `stage ${stage.id}: topic ${stage.topic} x ${stage.partitions}${waits}`)
    for (const node of stage.nodes) lines.push(`  ${nodeLine(node)}`)
  }
  return `${lines.join('\n')}\n`
}

function nodeLine(node: DescribedNode): string {
  const state = node.state === undefined ? '' : ` [state v${node.state}]`
  const join = node.join === undefined ? '' : ` (${node.join})`
  const topic = node.topic === undefined ? '' : ` (${node.topic})`
  const targets = node.feeds.map((f) => (f.output === 'out' ? f.to : `${f.output}: ${f.to}`))
  const arrow = targets.length === 0 ? '' : ` -> ${targets.join(', ')}`
  return `${node.kind} ${node.id}${state}${join}${topic}${arrow}`
}

/** A Mermaid flowchart: one box a stage, loops and broadcasts dotted. */
export function describeMermaid(description: Description): string {
  const lines = ['flowchart LR']
  const name = (id: string): string => id.replace(/[^a-z0-9]/gi, '_')
  for (const stage of description.stages) {
    lines.push(`  subgraph ${name(`stage-${stage.id}`)}["${stage.topic} x ${stage.partitions}"]`)
    for (const node of stage.nodes)
      if (drawn(node)) lines.push(`    ${name(node.id)}${shape(node)}`)
    lines.push('  end')
  }
  const arrows = new Set<string>()
  for (const stage of description.stages)
    for (const node of stage.nodes)
      for (const { output, to } of node.feeds) {
        const target = stage.nodes.find((n) => n.id === to)
        // The hop into an inbox is drawn as one arrow from the node before it.
        if (!drawn(node) || target === undefined) continue
        if (drawn(target)) arrows.add(arrow(name(node.id), name(to), output))
        else
          for (const hop of target.feeds)
            arrows.add(
              arrow(name(node.id), name(hop.to), hop.output === 'out' ? output : hop.output),
            )
      }
  return `${[...lines, ...[...arrows].map((a) => `  ${a}`)].join('\n')}\n`
}

const drawn = (node: DescribedNode): boolean => node.kind !== 'into' && node.kind !== 'broadcast'

function shape(node: DescribedNode): string {
  if (node.kind === 'source' || node.kind === 'sink') return `[/"${node.topic}"/]`
  if (node.join !== undefined) return `{{"${node.id}: ${node.join}"}}`
  if (node.kind === 'process') return `["${node.id}"]`
  return `("${node.id}")`
}

function arrow(from: string, to: string, output: string): string {
  if (output === 'loop' || output === 'broadcast') return `${from} -. ${output} .-> ${to}`
  return output === 'out' ? `${from} --> ${to}` : `${from} -- ${output} --> ${to}`
}
