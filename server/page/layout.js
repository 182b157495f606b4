/**
 * Where everything of the topology's picture goes: data in, coordinates out, no DOM.
 *
 * A stage is a box. In it the operators stand in layers by their longest way from the inbox; `across`
 * lays layers out to the right, `down` one below the other for narrow screens. Sinks hang on the
 * operator that feeds them. Steps without a meaning of their own (map, filter, the hop into an inbox)
 * are left out, and what they join is joined by one arrow.
 */

const HEIGHT = { node: 46, sink: 24, title: 42 }
const GAP = { layer: 30, node: 14, sink: 6, stage: 44, pad: 14, hang: 34, rail: 20 }
/** Narrower boxes would not hold a name and a rate. */
const LEAST = 112
const MOST = 160

const HELPERS = new Set(['map', 'filter', 'flatMap', 'merge', 'into', 'broadcast'])

/** @param width what there is, in CSS pixels */
export function layout(topology, width) {
  const graph = simplified(topology)
  const groups = inOrder(topology.stages).map((stage) => {
    const nodes = graph.nodes.filter((it) => it.stage === stage.id)
    const main = nodes.filter((it) => it.kind !== 'sink')
    return { stage, nodes, main, depth: layers(main, graph.edges) }
  })
  const sizes = measures(Math.max(...groups.map((it) => 1 + Math.max(...it.depth.values()))), width)
  const stages = groups.map((group) => ({
    id: group.stage.id,
    title: group.stage.topic,
    partitions: group.stage.partitions,
    ...inside(group, graph.edges, sizes),
  }))
  const size = arrange(stages, graph.edges, sizes)
  const nodes = new Map(
    stages.flatMap((stage) => stage.nodes.map((it) => [it.key, moved(it, stage)])),
  )
  const boxes = new Map(stages.map((it) => [it.id, it]))
  return {
    ...size,
    stages,
    nodes: [...nodes.values()],
    edges: graph.edges.map((edge) => ({
      ...edge,
      path: path(nodes.get(edge.from), nodes.get(edge.to), boxes, { edge, down: sizes.down }),
    })),
  }
}

/** Sources first: what comes in stands above what it goes to. */
const inOrder = (stages) => {
  const isSource = ({ nodes }) => nodes.some((it) => it.kind === 'source')
  return [...stages.filter(isSource), ...stages.filter((it) => !isSource(it))]
}

/** How wide things are: across, so that the longest stage fills the width; down, where that is too little. */
function measures(layerCount, width) {
  const across = (width - 2 - 2 * GAP.pad - (layerCount - 1) * GAP.layer) / layerCount
  if (across >= LEAST) {
    const node = Math.floor(Math.min(across, MOST))
    return { down: false, width, node, sink: node - 14, stage: 0 }
  }
  const stage = Math.min(width - GAP.rail - 2, 460)
  const node = Math.floor((stage - 2 * GAP.pad - GAP.hang) / 2)
  return { down: true, width, node, sink: stage - 2 * GAP.pad - GAP.hang - node, stage }
}

const keyOf = (stage, id) => `${stage}/${id}`
const stageOf = (key) => key.slice(0, key.indexOf('/'))

/** The nodes that are drawn, and the arrows between them with the helpers taken out. */
function simplified(topology) {
  const inboxes = new Map(topology.stages.map((stage) => [stage.id, stage.id]))
  const nodes = []
  const edges = new Map()
  for (const stage of topology.stages) {
    const byId = new Map(stage.nodes.map((it) => [it.id, it]))
    for (const node of stage.nodes) {
      if (HELPERS.has(node.kind)) continue
      nodes.push({ ...node, key: keyOf(stage.id, node.id), stage: stage.id })
      for (const end of ends(node, byId, inboxes)) {
        const key = end.inbox ? keyOf(end.to, end.to) : keyOf(stage.id, end.to)
        const edge = { from: keyOf(stage.id, node.id), to: key, kind: end.kind }
        edges.set(`${edge.from} ${edge.to} ${edge.kind}`, edge)
      }
    }
  }
  const drawn = new Set(nodes.map((it) => it.key))
  return {
    nodes,
    edges: [...edges.values()].filter((it) => drawn.has(it.from) && drawn.has(it.to)),
  }
}

/** Where a node's outputs end up, through any helpers. */
function ends(node, byId, inboxes) {
  const found = []
  const follow = (from, kind, hops) => {
    for (const { output, to } of from.feeds) {
      const style = output === 'loop' || output === 'broadcast' ? output : kind
      const next = byId.get(to)
      if (from.kind === 'into' || from.kind === 'broadcast' || next === undefined) {
        if (inboxes.has(to)) found.push({ to, kind: style, inbox: true })
      } else if (HELPERS.has(next.kind) && hops < 16) follow(next, style, hops + 1)
      else found.push({ to, kind: style, inbox: false })
    }
  }
  follow(node, 'flow', 0)
  return found
}

/** Nodes of one stage at their places in its box, and the size of the box. */
function inside({ nodes, main, depth }, edges, sizes) {
  const sinks = nodes.filter((it) => it.kind === 'sink')
  const placed = []
  let along = sizes.down ? HEIGHT.title : GAP.pad
  let extent = 0
  for (let layer = 0; layer <= Math.max(...depth.values(), 0); layer++) {
    const members = main.filter((it) => depth.get(it.key) === layer)
    const hanging = members.map((it) => sinks.filter((sink) => feeds(edges, it, sink)))
    const column = { placed, along, members, hanging, sizes }
    const used = sizes.down ? layerDown(column) : layerAcross(column)
    along += used.along + GAP.layer
    extent = Math.max(extent, used.extent)
  }
  const length = along - GAP.layer + GAP.pad
  return sizes.down
    ? { nodes: placed, width: sizes.stage, height: length }
    : { nodes: placed, width: length, height: extent + GAP.pad }
}

/** A sink hangs on the first operator that feeds it. */
const feeds = (edges, node, sink) => edges.find((it) => it.to === sink.key)?.from === node.key

function layerAcross({ placed, along, members, hanging, sizes }) {
  let y = HEIGHT.title
  members.forEach((node, i) => {
    placed.push({ ...node, x: along, y, width: sizes.node, height: HEIGHT.node })
    y += HEIGHT.node + GAP.sink + 4
    for (const sink of hanging[i]) {
      placed.push({ ...sink, x: along + 14, y, width: sizes.sink, height: HEIGHT.sink })
      y += HEIGHT.sink + GAP.sink
    }
    y += GAP.node - GAP.sink
  })
  return { along: sizes.node, extent: y - GAP.node }
}

function layerDown({ placed, along, members, hanging, sizes }) {
  let y = along
  members.forEach((node, i) => {
    placed.push({ ...node, x: GAP.pad, y, width: sizes.node, height: HEIGHT.node })
    hanging[i].forEach((sink, row) => {
      placed.push({
        ...sink,
        x: GAP.pad + sizes.node + GAP.hang,
        y: y + 2 + row * (HEIGHT.sink + GAP.sink),
        width: sizes.sink,
        height: HEIGHT.sink,
      })
    })
    y += Math.max(HEIGHT.node, hanging[i].length * (HEIGHT.sink + GAP.sink)) + GAP.sink
  })
  return { along: y - along - GAP.sink, extent: 0 }
}

/** Longest way from a node that nothing in the stage feeds; loops do not count. */
function layers(nodes, edges) {
  const keys = new Set(nodes.map((it) => it.key))
  const depth = new Map(nodes.map((it) => [it.key, 0]))
  const inner = edges.filter((it) => it.kind === 'flow' && keys.has(it.from) && keys.has(it.to))
  for (let round = 0; round < nodes.length; round++)
    for (const { from, to } of inner)
      depth.set(to, Math.max(depth.get(to), Math.min(depth.get(from) + 1, nodes.length)))
  return depth
}

/** Puts the boxes into rows: what feeds stands above what is fed. */
function arrange(stages, edges, sizes) {
  const rows = sizes.down
    ? stages.map((it) => ({ level: levels(stages, edges).get(it.id), stages: [it] }))
    : rowsOf(stages, levels(stages, edges), sizes.width)
  rows.sort((a, b) => a.level - b.level)
  let y = 1
  let width = 0
  for (const row of rows) {
    const height = Math.max(...row.stages.map((it) => it.height))
    let x = 1
    for (const stage of row.stages) {
      Object.assign(stage, { x, y, height })
      x += stage.width + GAP.pad
    }
    width = Math.max(width, x - GAP.pad)
    y += height + (sizes.down ? GAP.pad : GAP.stage)
  }
  return {
    width: width + 1 + (sizes.down ? GAP.rail : 0),
    height: y - (sizes.down ? GAP.pad : GAP.stage) + 1,
  }
}

/** How far down each stage stands; an arrow against the order of the topology is a way back. */
function levels(stages, edges) {
  const order = new Map(stages.map((it, i) => [it.id, i]))
  const level = new Map(stages.map((it) => [it.id, 0]))
  const forward = edges
    .map((it) => [stageOf(it.from), stageOf(it.to)])
    .filter(([from, to]) => order.get(from) < order.get(to))
  for (const _ of stages)
    for (const [from, to] of forward) level.set(to, Math.max(level.get(to), level.get(from) + 1))
  return level
}

function rowsOf(stages, level, width) {
  const rows = []
  for (const stage of stages) {
    const at = level.get(stage.id)
    const row = rows.find((it) => it.level === at && it.width + GAP.pad + stage.width + 2 <= width)
    if (row === undefined) rows.push({ level: at, width: stage.width, stages: [stage] })
    else {
      row.stages.push(stage)
      row.width += GAP.pad + stage.width
    }
  }
  return rows
}

const moved = (node, stage) => ({ ...node, x: node.x + stage.x, y: node.y + stage.y })

const middle = (node) => node.y + node.height / 2
const centre = (node) => node.x + node.width / 2

/** The line of an arrow, as SVG path data. */
function path(from, to, boxes, { edge, down }) {
  if (from.stage !== to.stage) return down ? rail(from, to, boxes, edge) : between(from, to, boxes)
  if (to.kind === 'sink') return hang(from, to, down)
  if (edge.kind === 'loop') return down ? loopDown(from, to) : loopAcross(from, to)
  return down ? stepDown(from, to) : stepAcross(from, to)
}

function between(from, to, boxes) {
  const source = boxes.get(from.stage)
  const target = boxes.get(to.stage)
  const below = target.y > source.y
  const [x1, y1] = [centre(from), below ? source.y + source.height : source.y]
  // Arrows that come in from below end beside the node's middle, clear of those from above.
  const x2 = below ? centre(to) : centre(to) + 24
  const y2 = below ? target.y : target.y + target.height
  const bend = (y2 - y1) / 2
  return `M${x1} ${y1}C${x1} ${y1 + bend} ${x2} ${y2 - bend} ${x2} ${y2}`
}

/** Down the right side, where arrows of one kind share a line. */
function rail(from, to, boxes, edge) {
  const source = boxes.get(from.stage)
  const target = boxes.get(to.stage)
  const right = source.x + source.width
  const broadcast = edge.kind === 'broadcast'
  const y1 = source.y + source.height - (broadcast ? 12 : 22)
  const y2 = target.y + (broadcast ? 30 : 18)
  return `M${right} ${y1}H${right + (broadcast ? 15 : 8)}V${y2}H${right}`
}

function hang(from, to, down) {
  if (down) {
    const x = from.x + from.width
    return `M${x} ${from.y + 14}h14V${middle(to)}H${to.x}`
  }
  const x = from.x + 6
  return `M${x} ${from.y + from.height}V${middle(to)}H${to.x}`
}

function stepAcross(from, to) {
  const [x1, y1, x2, y2] = [from.x + from.width, middle(from), to.x, middle(to)]
  if (x2 - x1 <= GAP.layer + 1) return `M${x1} ${y1}C${x1 + 15} ${y1} ${x2 - 15} ${y2} ${x2} ${y2}`
  // Over the operators in between.
  const top = Math.min(from.y, to.y) - 9
  return `M${centre(from) + 20} ${from.y}V${top + 6}q0 -6 6 -6H${centre(to) - 6}q6 0 6 6V${to.y}`
}

function stepDown(from, to) {
  const [y1, y2] = [from.y + from.height, to.y]
  if (y2 - y1 <= GAP.layer + 4 * (HEIGHT.sink + GAP.sink) && to.y > from.y && to.y - from.y < 200)
    return `M${centre(from)} ${y1}V${y2}`
  const x = from.x - 8
  return `M${from.x} ${middle(from)}H${x}V${middle(to)}H${to.x}`
}

function loopAcross(from, to) {
  const top = Math.min(from.y, to.y) - 9
  return `M${centre(from)} ${from.y}V${top + 6}q0 -6 -6 -6H${centre(to) + 6}q-6 0 -6 6V${to.y}`
}

function loopDown(from, to) {
  const x = from.x - 8
  return `M${from.x} ${middle(from) + 8}H${x}V${middle(to) + 8}H${to.x}`
}
