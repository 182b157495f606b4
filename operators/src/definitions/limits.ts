/** `kind: caps`, `quiet-hours`, `lifecycle`, `shop`: one document each; the defaults stand without. */
import Type from 'typebox'
import { CHANNELS, Duration, PUSHED, strict, TimeOfDay, WEEKDAYS } from './parts.ts'

const count = (description: string, standard: number) =>
  Type.Integer({ minimum: 0, maximum: 10_000, default: standard, description })

const optionalCount = (description: string) =>
  Type.Optional(Type.Integer({ minimum: 0, maximum: 10_000, description }))

export const CapsSpec = strict({
  window: Duration('The sliding window of all caps: the last so much time, exactly (FAT-2).', '7d'),
  overall: count('Marketing messages in the window over all pushed channels (FAT-2).', 4),
  per_channel: strict(
    {
      email: count('Marketing emails in the window (FAT-2).', 3),
      sms: optionalCount('Marketing SMS in the window.'),
      whatsapp: optionalCount('Marketing WhatsApp messages in the window.'),
      push: optionalCount('Marketing push messages in the window.'),
    },
    { default: {}, description: 'Caps of single channels; absent: only the overall cap.' },
  ),
  minimum_gap: Duration('Least time between two pushed marketing messages (ARB-1).', '4h'),
  digest: strict(
    {
      window: Duration('Window of the digest preference.', '7d'),
      messages: count('Messages in it for who asked for a weekly digest (CON-1).', 1),
    },
    { default: {}, description: 'What "weekly digest" means.' },
  ),
  fatigue: strict(
    {
      window: Duration('Window in which messages and opens are counted (FAT-1).', '7d'),
      messages: count('So many messages or more: fatigue (FAT-1).', 5),
      unopened: count('So many settled messages or more, none opened: fatigue (FAT-1).', 3),
      settle: Duration('Age at which a message counts as unopened (FAT-1).', '24h'),
    },
    { default: {}, description: 'When a customer has had enough.' },
  ),
})
export type CapsSpec = Type.Static<typeof CapsSpec>

const window = (from: string, to: string) => ({
  from: TimeOfDay('First local minute at which sending is allowed.', from),
  to: TimeOfDay('First local minute at which it no longer is.', to),
})

export const QuietHoursSpec = strict({
  allowed: strict(window('09:00', '21:00'), {
    default: {},
    description: 'Local hours for every channel listed (TIM-3: quiet from 21:00 to 09:00).',
  }),
  channels: Type.Array(Type.Enum(CHANNELS), {
    uniqueItems: true,
    default: [...PUSHED],
    description: 'Channels that keep quiet hours; web and in-app are exempt (TIM-3).',
  }),
  tighter: Type.Array(
    strict({
      country: Type.Optional(Type.String({ pattern: '^[A-Z]{2}$', description: 'ISO 3166-1.' })),
      region: Type.Optional(
        Type.String({ pattern: '^[A-Z0-9]{1,3}$', description: 'ISO 3166-2 without country.' }),
      ),
      channels: Type.Array(Type.Enum(CHANNELS), { minItems: 1, uniqueItems: true }),
      days: Type.Array(Type.Enum(WEEKDAYS), {
        uniqueItems: true,
        default: [...WEEKDAYS],
        description: 'Local weekdays it holds on.',
      }),
      ...window('09:00', '20:00'),
    }),
    {
      default: [],
      maxItems: 500,
      description:
        'Further windows. All that apply must allow an instant, those of the law included, so a rule can tighten and never loosen.',
    },
  ),
  horizon: Duration('How far ahead an allowed instant is looked for; none: blocked.', '8d'),
})
export type QuietHoursSpec = Type.Static<typeof QuietHoursSpec>

export const LifecycleSpec = strict({
  new_for: Duration('Time since signup in which a customer without order is new (LIF-2).', '30d'),
  at_risk_after: Duration('Inactivity from which a customer is at risk (LIF-2).', '30d'),
  churned_after: Duration('Inactivity from which a customer has churned (LIF-2).', '90d'),
  risk_threshold: Type.Number({
    minimum: 0,
    maximum: 1,
    default: 0.7,
    description: 'Churn risk from which a customer who is not new is at risk (LIF-2).',
  }),
})
export type LifecycleSpec = Type.Static<typeof LifecycleSpec>

export const ShopSpec = strict({
  name: Type.String({
    minLength: 1,
    maxLength: 100,
    default: 'our shop',
    description: 'For people.',
  }),
  currency: Type.String({ pattern: '^[A-Z]{3}$', default: 'EUR', description: 'ISO 4217.' }),
  fatigue_cost: Type.Number({
    minimum: 0,
    maximum: 1e6,
    default: 0.05,
    description:
      'What a further message costs in goodwill for each one already sent within the fatigue window, in the currency (ARB-2).',
  }),
})
export type ShopSpec = Type.Static<typeof ShopSpec>
