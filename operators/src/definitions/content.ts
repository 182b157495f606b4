/** `kind: template`, `kind: topic`, `kind: channel`: what is said, about what, and by which way. */
import Type from 'typebox'
import { CHANNELS, strict, TRIGGER_KINDS } from './parts.ts'

export const TemplateSpec = strict({
  channel: Type.Enum(CHANNELS, { description: 'The channel it is written for.' }),
  subject: Type.Optional(
    Type.String({
      minLength: 1,
      maxLength: 200,
      description: 'Subject or title; required for email and push, refused elsewhere.',
    }),
  ),
  body: Type.String({
    minLength: 1,
    maxLength: 20_000,
    description: 'Plain text with placeholders such as {{first_name}}.',
  }),
  fallbacks: Type.Record(
    Type.String({ pattern: '^[a-z_]+$' }),
    Type.String({ minLength: 1, maxLength: 200 }),
    {
      default: {},
      description:
        'What stands in for a placeholder whose value is unknown. Every placeholder used needs one, or the message could go out with a hole in it.',
    },
  ),
})
export type TemplateSpec = Type.Static<typeof TemplateSpec>

export const TopicSpec = strict({
  title: Type.String({ minLength: 1, maxLength: 200, description: 'As the customer reads it.' }),
  promotional: Type.Boolean({
    default: true,
    description:
      'Whether it advertises. A customer who wants product updates only gets no promotional topic (CON-1).',
  }),
})
export type TopicSpec = Type.Static<typeof TopicSpec>

const prior = (kind: string) =>
  Type.Optional(
    Type.Number({
      minimum: 0,
      maximum: 1,
      description: `Prior probability that a touch after ${kind} leads to an order within 7 days.`,
    }),
  )

export const ChannelSpec = strict({
  enabled: Type.Boolean({ default: true, description: 'Whether anything may be sent on it.' }),
  cost: Type.Number({
    minimum: 0,
    maximum: 1e6,
    default: 0,
    description: "Provider cost of one message, in the shop's currency.",
  }),
  reports_opens: Type.Boolean({
    default: false,
    description: 'Whether opens come back; only such messages count as unopened (FAT-1).',
  }),
  prior_weight: Type.Number({
    minimum: 1,
    maximum: 1e6,
    default: 50,
    description: 'How many touches a prior is worth: Beta(weight * p, weight * (1 - p)) (CHN-1).',
  }),
  priors: strict(
    {
      ...(Object.fromEntries(TRIGGER_KINDS.map((kind) => [kind, prior(kind)])) as Record<
        (typeof TRIGGER_KINDS)[number],
        ReturnType<typeof prior>
      >),
      default: Type.Number({
        minimum: 0,
        maximum: 1,
        default: 0.1,
        description: 'For triggers without a prior of their own.',
      }),
    },
    { default: {}, description: 'The table that scores where no model does (CHN-1).' },
  ),
})
export type ChannelSpec = Type.Static<typeof ChannelSpec>
