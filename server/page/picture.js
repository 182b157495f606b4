/** Draws the topology and keeps its numbers current without drawing it again. */
import { h, s } from './dom.js'
import { count, rate, words } from './format.js'
import { layout } from './layout.js'

export function picture(topology) {
  const frame = h('div', { class: 'picture' })
  const table = h('details', { class: 'astable' }, h('summary', {}, 'The same as a table'))
  const shown = { rates: null, texts: new Map(), cells: new Map(), width: 0 }
  table.append(rateTable(topology, shown))
  const draw = () => {
    const width = Math.floor(frame.clientWidth)
    if (width === 0 || width === shown.width) return
    shown.width = width
    shown.texts.clear()
    frame.replaceChildren(svg(layout(topology, width), shown))
    if (shown.rates !== null) write(shown, shown.rates)
  }
  new ResizeObserver(draw).observe(frame)
  return {
    element: h('div', {}, frame, legend(), table),
    update(rates) {
      shown.rates = rates
      write(shown, rates)
    },
  }
}

/** By stage and node; an id that only one stage has may stand for itself. */
const ratesOf = (rates, key) => rates.nodes[key] ?? rates.nodes[key.slice(key.indexOf('/') + 1)]

function write(shown, rates) {
  for (const [id, { text, box }] of shown.texts) {
    const known = ratesOf(rates, id)
    text.textContent = known === undefined ? '' : rate(known.records_per_second)
    box.classList.toggle('busy', (known?.records_per_second ?? 0) >= 0.05)
  }
  for (const [id, cells] of shown.cells) {
    const known = ratesOf(rates, id)
    cells.rate.textContent = known === undefined ? '–' : rate(known.records_per_second)
    cells.total.textContent = known === undefined ? '–' : count(known.records_total)
  }
}

function svg(drawing, shown) {
  return s(
    'svg',
    {
      viewBox: `0 0 ${drawing.width} ${drawing.height}`,
      width: drawing.width,
      height: drawing.height,
      role: 'img',
      'aria-label':
        'The topology: stages as boxes, operators with their rates, arrows for records. A table with the same content follows.',
    },
    s('defs', {}, arrowHead('head'), arrowHead('headback')),
    drawing.stages.map(stageBox),
    drawing.edges.map((edge) =>
      s('path', {
        d: edge.path,
        class: `edge ${edge.kind}`,
        'marker-end': edge.kind === 'flow' ? 'url(#head)' : 'url(#headback)',
      }),
    ),
    drawing.nodes.map((node) => nodeBox(node, shown)),
  )
}

const arrowHead = (id) =>
  s(
    'marker',
    { id, viewBox: '0 0 8 8', refX: 7, refY: 4, markerWidth: 7, markerHeight: 7, orient: 'auto' },
    s('path', { d: 'M0 1L7 4L0 7z', class: id }),
  )

function stageBox(stage) {
  const noun = stage.partitions === 1 ? 'partition' : 'partitions'
  return s(
    'g',
    {},
    s('rect', {
      x: stage.x,
      y: stage.y,
      width: stage.width,
      height: stage.height,
      rx: 10,
      class: 'stage',
    }),
    s('text', { x: stage.x + 14, y: stage.y + 20, class: 'stagename' }, stage.title),
    s(
      'text',
      { x: stage.x + stage.width - 14, y: stage.y + 20, class: 'partitions' },
      stage.width < 220 ? `× ${stage.partitions}` : `${stage.partitions} ${noun}`,
    ),
  )
}

function nodeBox(node, shown) {
  const sink = node.kind === 'sink'
  const name = sink
    ? node.topic
    : node.kind === 'source' || node.kind === 'inbox'
      ? node.kind
      : node.id
  const box = s('g', { class: `node ${node.kind}` })
  const text = s(
    'text',
    sink
      ? { x: node.x + node.width - 8, y: node.y + 16, class: 'rate end' }
      : { x: node.x + 11, y: node.y + 36, class: 'rate' },
  )
  box.append(
    s(
      'title',
      {},
      `${words(node.kind)} ${node.id}${node.topic === undefined ? '' : `, topic ${node.topic}`}`,
    ),
    s('rect', { x: node.x, y: node.y, width: node.width, height: node.height, rx: sink ? 12 : 8 }),
    s('text', { x: node.x + 11, y: node.y + (sink ? 16 : 20), class: 'name' }, name),
    text,
  )
  shown.texts.set(node.key, { text, box })
  return box
}

const legend = () =>
  h(
    'p',
    { class: 'legend' },
    h('span', { class: 'key flow' }, 'records'),
    h('span', { class: 'key broadcast' }, 'broadcast to every partition'),
    h('span', { class: 'key loop' }, 'back into the inbox'),
  )

function rateTable(topology, shown) {
  const rows = new Map()
  for (const stage of topology.stages)
    for (const node of stage.nodes) {
      if (['into', 'broadcast', 'map', 'flatMap', 'filter', 'merge'].includes(node.kind)) continue
      const key = `${stage.id}/${node.id}`
      const cells = {
        rate: h('td', { class: 'number' }, '–'),
        total: h('td', { class: 'number' }, '–'),
      }
      shown.cells.set(key, cells)
      rows.set(
        key,
        h(
          'tr',
          {},
          h('th', { scope: 'row' }, node.id),
          h('td', {}, node.kind),
          h('td', {}, stage.id),
          cells.rate,
          cells.total,
        ),
      )
    }
  return h(
    'div',
    { class: 'scroll', tabindex: 0, role: 'region', 'aria-label': 'Nodes' },
    h(
      'table',
      {},
      h(
        'thead',
        {},
        h(
          'tr',
          {},
          ['Node', 'Kind', 'Stage', 'Rate', 'Total'].map((it, i) =>
            h('th', { scope: 'col', class: i > 2 ? 'number' : null }, it),
          ),
        ),
      ),
      h('tbody', {}, [...rows.values()]),
    ),
  )
}
