/** A made-up shop's decisions, profile and topology, in the shapes the real system gives them. */
import type { Decision, Topology } from './views.ts'

const OUTCOMES = [
  ['send', 'worth_most', 'abandoned_cart', 'cart-recovery'],
  ['nothing', 'no_candidate_worth_it', 'browse_abandonment', 'browse-nudge'],
  ['block', 'no_consent', 'abandoned_cart', 'cart-recovery'],
  ['defer', 'quiet_hours', 'inactivity', 'come-back'],
  ['nothing', 'below_minimum_gap', 'browse_abandonment', 'browse-nudge'],
  ['send', 'worth_most', 'purchase_milestone', 'third-order-thanks'],
  ['block', 'weekly_cap', 'inactivity', 'come-back'],
  ['nothing', 'no_candidate_worth_it', 'stage_change', 'at-risk-offer'],
] as const
const CHANNELS = ['email', 'sms', 'push'] as const

const hex = (n: number, length: number): string =>
  Math.imul(n + 1, 0x9e3779b1)
    .toString(16)
    .replace('-', '')
    .padStart(8, '0')
    .repeat(4)
    .slice(0, length)

/** `count` decisions, the latest first, some seconds apart. */
export const sampleDecisions = (now: number, count: number): Decision[] =>
  Array.from({ length: count }, (_, i) => sampleDecision(now - i * 7_300, i))

export function sampleDecision(timestamp: number, i: number): Decision {
  const [action, reason, kind, campaign] = OUTCOMES[i % OUTCOMES.length] ?? OUTCOMES[0]
  const candidate = {
    campaign,
    channel: CHANNELS[i % CHANNELS.length] ?? 'email',
    intervention: i % 2 === 0 ? 'free_shipping' : 'discount',
    template: `${campaign}-v2`,
    effect: 0.021 + (i % 5) * 0.008,
  }
  const chosen = action === 'send' || action === 'defer' ? candidate : null
  return {
    decision_id: hex(i, 24),
    timestamp,
    customer_id: String(12_346 + ((i * 37) % 90)),
    agent: 'campaign',
    action,
    reason,
    trigger: {
      kind,
      definition: `${kind.replaceAll('_', '-')}-default`,
      cause: `${kind}:${hex(i + 99, 8)}`,
      at: timestamp - 1_200,
      facts: { cart_value: 84.5 + i, items: 2 + (i % 4), idle_minutes: 120 },
    },
    chosen,
    rejected: [
      {
        candidate: { ...candidate, channel: 'sms', effect: 0.011 },
        reason: chosen === null ? reason : 'worth_less',
      },
    ],
    guardrail_checks: sampleChecks(reason, candidate.channel, timestamp),
    confidence_score: chosen === null ? null : 0.71,
    execution_status:
      action === 'send' ? 'handed_to_outbox' : action === 'defer' ? 'waiting' : 'none',
    deferred_until: action === 'defer' ? timestamp + 9 * 3_600_000 : null,
    continues: null,
    versions: {
      definitions: '4f1c0d2e9a7b6c53',
      model: 'hillstrom-visit@3',
      cut_points: '2026-11-21',
    },
    inputs: {
      recency_days: 11 + (i % 30),
      orders: 3,
      monetary: 412.8,
      sessions_90d: 9,
      stage: 'active',
    },
  }
}

const sampleChecks = (
  reason: string,
  channel: string,
  timestamp: number,
): Decision['guardrail_checks'] => [
  {
    guardrail: 'consent',
    rule: 'CON-1',
    ...verdict(reason, 'no_consent'),
    evidence: { topic: 'offers', channel: channel },
  },
  {
    guardrail: 'caps',
    rule: 'FAT-1',
    ...verdict(reason, 'weekly_cap'),
    evidence: { sent_7d: reason === 'weekly_cap' ? 3 : 1, cap: 3 },
  },
  {
    guardrail: 'quiet-hours',
    rule: 'TIM-3',
    ...(reason === 'quiet_hours'
      ? { outcome: 'defer' as const, reason, until: timestamp + 9 * 3_600_000 }
      : { outcome: 'pass' as const }),
    evidence: { zone: 'Europe/London', local_time: '21:40' },
  },
]

const verdict = (
  reason: string,
  blocking: string,
): { outcome: 'pass' } | { outcome: 'block'; reason: string } =>
  reason === blocking ? { outcome: 'block', reason } : { outcome: 'pass' }

export const sampleProfile = (customer: string, now: number): Record<string, unknown> => ({
  customer_id: customer,
  lifecycle_stage: 'active',
  location_country: 'GB',
  time_zone: 'Europe/London',
  creation_date: now - 210 * 86_400_000,
  last_seen_timestamp: now - 3_600_000,
  total_orders: 3,
  lifetime_value: 412.8,
  average_order_value: 137.6,
  has_ever_returned_item: false,
  session_count: 9,
  rfm: { recency: 4, frequency: 3, monetary: 4 },
  consents: { email: 'granted', sms: 'unknown' },
  abandoned_cart_details: { items: 2, value: 84.5 },
  engagement: { '1h': 2, '24h': 6, '7d': 14, '30d': 31, '90d': 58 },
})

interface Sketch {
  readonly stage: string
  readonly topic: string
  readonly partitions: number
  readonly waitsFor: readonly string[]
  readonly changelog: boolean
  /** `kind id` to where its outputs lead: `output>node`, `out` where nothing is said. */
  readonly nodes: Readonly<Record<string, string>>
}

const ROUTER = {
  'branch validate': 'accepted>into-customer-inbox rejected>rejected',
  'into into-customer-inbox': 'customer-inbox',
  'sink rejected': '',
}

const SKETCH: readonly Sketch[] = [
  {
    stage: 'import',
    topic: 'import',
    partitions: 1,
    waitsFor: [],
    changelog: false,
    nodes: { 'source import': 'validate', ...ROUTER },
  },
  {
    stage: 'events',
    topic: 'events',
    partitions: 1,
    waitsFor: [],
    changelog: false,
    nodes: { 'source events': 'validate', ...ROUTER },
  },
  {
    stage: 'control',
    topic: 'control',
    partitions: 1,
    waitsFor: [],
    changelog: false,
    nodes: {
      'source control': 'control.flatMap-1 control.flatMap-2',
      'flatMap control.flatMap-1': 'definitions-to-customer-inbox',
      'flatMap control.flatMap-2': 'model-to-customer-inbox',
      'broadcast definitions-to-customer-inbox': 'broadcast>customer-inbox',
      'broadcast model-to-customer-inbox': 'broadcast>customer-inbox',
    },
  },
  {
    stage: 'customer-inbox',
    topic: 'customer-inbox',
    partitions: 8,
    waitsFor: ['import', 'events', 'control', 'shop-inbox'],
    changelog: true,
    nodes: {
      'inbox customer-inbox': 'dedupe',
      'process dedupe': 'fresh>identity duplicate>duplicates',
      'sink duplicates': '',
      'process identity':
        'event>profile event>profile.map forward>into-customer-inbox-2 identity>identities refused>identity.map',
      'into into-customer-inbox-2': 'loop>customer-inbox',
      'sink identities': '',
      'map identity.map': 'refused',
      'sink refused': '',
      'map profile.map': 'activity',
      'sink activity': '',
      'process profile':
        'session>sessions snapshot>profiles profiled>triggers profiled>touch.merge contribution>into-shop-inbox',
      'sink sessions': '',
      'sink profiles': '',
      'into into-shop-inbox': 'shop-inbox',
      'process triggers': 'trigger>decide trigger>trigger.map',
      'map trigger.map': 'triggers-sink',
      'sink triggers-sink': '',
      'process decide': 'decision>decisions outbox>outbox touch>touch.merge',
      'sink decisions': '',
      'sink outbox': '',
      'merge touch.merge': 'touches',
      'process touches': '',
    },
  },
  {
    stage: 'shop-inbox',
    topic: 'shop-inbox',
    partitions: 1,
    waitsFor: ['customer-inbox'],
    changelog: true,
    nodes: {
      'inbox shop-inbox': 'cut-points',
      'process cut-points': 'cutPoints>cut-points-to-customer-inbox',
      'broadcast cut-points-to-customer-inbox': 'broadcast>customer-inbox',
    },
  },
]

export const sampleTopology = (): Topology => ({
  id: 'opportune',
  stages: SKETCH.map((sketch) => ({
    id: sketch.stage,
    topic: sketch.topic,
    partitions: sketch.partitions,
    waitsFor: [...sketch.waitsFor],
    changelog: sketch.changelog ? `${sketch.stage}.changelog` : null,
    nodes: Object.entries(sketch.nodes).map(([name, feeds]) => sampleNode(name, feeds)),
  })),
})

function sampleNode(name: string, feeds: string): Topology['stages'][number]['nodes'][number] {
  const [kind = '', id = ''] = name.split(' ')
  return {
    id,
    kind,
    ...(kind === 'process' ? { state: 1 } : {}),
    ...(kind === 'source' || kind === 'sink' ? { topic: id.replace('-sink', '') } : {}),
    feeds: feeds
      .split(' ')
      .filter((it) => it !== '')
      .map((it) => {
        const [output = '', to] = it.split('>')
        return to === undefined ? { output: 'out', to: output } : { output, to }
      }),
  }
}
