/** One customer: the profile as the engine has it, and the decisions about them. */
import { read } from './api.js'
import { h } from './dom.js'
import { back, customerLink, decisionTable, facts, section, summary } from './parts.js'

const isGroup = (it) => typeof it === 'object' && it !== null && !Array.isArray(it)

export async function customerView(signal, id) {
  const path = encodeURIComponent(id)
  const [answer, { decisions }] = await Promise.all([
    read(`/api/v1/customers/${path}/profile`, signal),
    read(`/api/v1/decisions?limit=50&customer=${path}`, signal),
  ])
  const fields = Object.entries(answer.profile)
  const groups = fields.filter(([, it]) => isGroup(it))
  const plain = Object.fromEntries(fields.filter(([, it]) => !isGroup(it)))
  return {
    title: `Customer ${id}`,
    element: h(
      'div',
      {},
      back(),
      h('h1', {}, `Customer ${id}`),
      h(
        'p',
        { class: 'lead' },
        `As of epoch ${answer.epoch}`,
        answer.canonical_id === id ? null : [', kept under ', customerLink(answer.canonical_id)],
      ),
      section('Decisions', decisionTable(decisions.map(summary), { customer: false })),
      section(
        'Profile',
        facts(plain),
        groups.map(([name, it]) =>
          h('div', { class: 'group' }, h('h3', {}, name.replaceAll('_', ' ')), facts(it)),
        ),
      ),
    ),
  }
}
