/** One decision: what it was, every verdict, every candidate, every input. */
import { read } from './api.js'
import { h } from './dom.js'
import { value, words } from './format.js'
import { back, badge, customerLink, decisionLink, facts, section, when } from './parts.js'

export async function decisionView(signal, id) {
  const { decision, lines, audit } = await read(
    `/api/v1/decisions/${encodeURIComponent(id)}/why`,
    signal,
  )
  return {
    title: `Decision ${id}`,
    element: h(
      'div',
      {},
      back(),
      h('h1', {}, badge(decision.action), ' ', words(decision.reason)),
      h(
        'p',
        { class: 'lead' },
        'Customer ',
        customerLink(decision.customer_id),
        ', ',
        when(decision.timestamp),
        decision.continues === null
          ? null
          : [', continues ', decisionLink(decision.continues, 'an earlier decision')],
      ),
      ...summaryOf(lines).map((line) => h('p', { class: 'words' }, line)),
      section('Guardrails', verdicts(decision.guardrail_checks)),
      section('Candidates', candidates(decision)),
      section(
        'Trigger',
        facts({
          ...rest(decision.trigger, ['facts']),
          kind: words(decision.trigger.kind),
          ...decision.trigger.facts,
        }),
      ),
      section('Inputs', facts(decision.inputs)),
      section(
        'Record',
        facts({
          decision_id: decision.decision_id,
          agent: decision.agent,
          execution_status: words(decision.execution_status),
          deferred_until: decision.deferred_until,
          ...decision.versions,
          ...(audit === null
            ? {}
            : { audit_chain: `${audit.chain}, record ${audit.seq}`, hash: audit.hash }),
        }),
      ),
    ),
  }
}

/** The sentences between the first line and the first list, and what set it off; the rest stands below. */
function summaryOf(lines) {
  const [, ...sentences] = lines.slice(0, lines.indexOf('What had happened')).filter(Boolean)
  const cause = lines[lines.indexOf('What had happened') + 1]
  return cause === undefined ? sentences : [...sentences, cause.trim()]
}

const rest = (record, without) =>
  Object.fromEntries(Object.entries(record).filter(([name]) => !without.includes(name)))

function verdicts(checks) {
  if (checks.length === 0)
    return h('p', { class: 'quiet' }, 'None was asked: nothing was to be sent.')
  return h(
    'ul',
    { class: 'verdicts' },
    checks.map((it) =>
      h(
        'li',
        {},
        badge(it.outcome),
        h(
          'div',
          {},
          h('strong', {}, words(it.guardrail)),
          ' ',
          h('span', { class: 'quiet' }, it.rule),
          it.reason === undefined
            ? null
            : h(
                'div',
                {},
                words(it.reason),
                it.until === undefined ? null : [', until ', when(it.until)],
              ),
          Object.keys(it.evidence).length === 0
            ? null
            : h('div', { class: 'quiet' }, value('', it.evidence)),
        ),
      ),
    ),
  )
}

function candidates({ chosen, rejected }) {
  const all = [...(chosen === null ? [] : [{ candidate: chosen, reason: null }]), ...rejected]
  if (all.length === 0) return h('p', { class: 'quiet' }, 'There was none.')
  return h(
    'ul',
    { class: 'verdicts candidates' },
    all.map(({ candidate, reason }) =>
      h(
        'li',
        {},
        h(
          'span',
          { class: `badge ${reason === null ? 'send' : ''}` },
          reason === null ? 'Chosen' : 'Not chosen',
        ),
        h(
          'div',
          {},
          h('strong', {}, words(candidate.campaign)),
          ` by ${candidate.channel}, ${words(candidate.intervention).toLowerCase()}`,
          h(
            'div',
            { class: 'quiet' },
            `expected effect ${(candidate.effect * 100).toFixed(1)} points`,
            reason === null ? null : ` · ${words(reason).toLowerCase()}`,
          ),
        ),
      ),
    ),
  )
}
