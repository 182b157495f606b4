/** Pieces that several views share. */
import { h } from './dom.js'
import { iso, time, value, words } from './format.js'

const OUTCOME = { send: 'Send', defer: 'Defer', block: 'Block', nothing: 'Nothing', pass: 'Pass' }

export const badge = (outcome) =>
  h(
    'span',
    { class: `badge ${Object.hasOwn(OUTCOME, outcome) ? outcome : ''}` },
    OUTCOME[outcome] ?? outcome,
  )

export const when = (millis) =>
  h('time', { datetime: iso(millis), title: iso(millis) }, time(millis))

export const decisionLink = (id, ...content) =>
  h('a', { href: `#/decisions/${encodeURIComponent(id)}` }, ...content)

export const customerLink = (id) => h('a', { href: `#/customers/${encodeURIComponent(id)}` }, id)

/** A record's fields as names and values. */
export const facts = (record) => h('dl', { class: 'facts' }, Object.entries(record).map(fact))

function fact([name, it]) {
  const text = value(name, it)
  const long = text.length > 60 ? 'long' : null
  return h('div', { class: long }, h('dt', {}, words(name)), h('dd', {}, text))
}

/** @param decisions summaries; `whole` decisions are summarised here */
export function decisionTable(decisions, { customer = true } = {}) {
  if (decisions.length === 0) return h('p', { class: 'quiet' }, 'No decision yet.')
  const columns = [
    'Outcome',
    'Time',
    ...(customer ? ['Customer'] : []),
    'Trigger',
    'Campaign',
    'Reason',
    'Why',
  ]
  return h(
    'table',
    { class: 'decisions' },
    h(
      'thead',
      {},
      h(
        'tr',
        {},
        columns.map((it) => h('th', { scope: 'col' }, it)),
      ),
    ),
    h(
      'tbody',
      {},
      decisions.map((it) => decisionRow(it, customer)),
    ),
  )
}

function decisionRow(it, customer) {
  const campaign =
    it.campaign === null
      ? '–'
      : `${words(it.campaign)}${it.channel ? ` by ${words(it.channel).toLowerCase()}` : ''}`
  const cell = (label, ...content) => h('td', { 'data-label': label }, ...content)
  return h(
    'tr',
    {},
    cell('Outcome', badge(it.action)),
    cell('Time', when(it.timestamp)),
    customer ? cell('Customer', customerLink(it.customer_id)) : null,
    cell('Trigger', words(it.trigger)),
    cell('Campaign', campaign),
    cell('Reason', words(it.reason)),
    cell(
      'Why',
      decisionLink(
        it.decision_id,
        'Why',
        h('span', { class: 'unseen' }, ` decision ${it.decision_id}`),
      ),
    ),
  )
}

export const summary = (it) => ({
  ...it,
  trigger: it.trigger.kind,
  campaign: it.chosen?.campaign ?? null,
  channel: it.chosen?.channel ?? null,
})

export const section = (title, ...content) => h('section', {}, h('h2', {}, title), ...content)

export const back = () => h('p', { class: 'back' }, h('a', { href: '#/' }, '← Overview'))
