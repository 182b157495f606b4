/** The first view: totals, the topology with its rates, the latest decisions; all of it live. */
import { read } from './api.js'
import { h } from './dom.js'
import { count, words } from './format.js'
import { decisionTable, section } from './parts.js'
import { picture } from './picture.js'

const OUTCOMES = ['send', 'defer', 'block', 'nothing']

export async function overview(signal) {
  const drawing = picture(await read('/api/v1/topology', signal))
  const totals = h('div', { class: 'totals' })
  const decisions = h('div', {}, h('p', { class: 'quiet' }, 'Waiting for the first snapshot.'))
  let shown = ''
  return {
    title: 'Overview',
    element: h(
      'div',
      {},
      h('h1', { class: 'unseen' }, 'Overview'),
      totals,
      section('Topology', drawing.element),
      section('Latest decisions', decisions),
    ),
    update(snapshot) {
      totals.replaceChildren(...totalCards(snapshot.rates.totals))
      drawing.update(snapshot.rates)
      // A row that is being read or has the focus is not replaced by itself.
      const ids = snapshot.decisions.map((it) => it.decision_id).join()
      if (ids === shown || decisions.contains(document.activeElement)) return
      shown = ids
      decisions.replaceChildren(decisionTable(snapshot.decisions))
    },
  }
}

const figure = (label, value, kind) =>
  h('div', { class: `figure ${kind ?? ''}` }, h('dt', {}, label), h('dd', {}, count(value)))

function totalCards(totals) {
  const known = OUTCOMES.filter((it) => it in totals.decisions)
  const others = Object.keys(totals.decisions).filter((it) => !OUTCOMES.includes(it))
  return [
    h(
      'dl',
      { class: 'card sum', 'aria-label': 'Records' },
      figure('Read', totals.read),
      figure('Accepted', totals.accepted),
      figure('Duplicates', totals.duplicates),
      figure('Rejected', totals.rejected, totals.rejected > 0 ? 'warn' : ''),
    ),
    h(
      'dl',
      { class: 'card', 'aria-label': 'Decisions' },
      [...known, ...others].map((it) => figure(words(it), totals.decisions[it], it)),
    ),
  ]
}
