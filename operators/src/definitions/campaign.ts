/** `kind: campaign`: which actions may answer a trigger, and what one is worth. */
import Type from 'typebox'
import { CHANNELS, Id, INTERVENTIONS, strict } from './parts.ts'

const Action = strict({
  channel: Type.Enum(CHANNELS, { description: 'The channel; it must be defined and enabled.' }),
  template: Id('The template that words it; it must be written for that channel.'),
  intervention: Type.Enum(INTERVENTIONS, { description: 'The kind of persuasion.' }),
  arm: Type.Optional(
    Type.String({
      minLength: 1,
      maxLength: 64,
      description:
        'The arm of the active uplift model whose effect is the score. Absent, or no model active: the channel prior for the trigger (CHN-1) is the score, and the decision says so.',
    }),
  ),
  value: Type.Optional(
    Type.Number({
      minimum: 0,
      maximum: 1e9,
      description: "Margin of one outcome, in the shop's currency; absent: the campaign's value.",
    }),
  ),
  incentive_cost: Type.Number({
    minimum: 0,
    maximum: 1e9,
    default: 0,
    description: 'What the offer costs per message sent, on top of the channel cost.',
  }),
  priority: Type.Integer({
    minimum: -1000,
    maximum: 1000,
    default: 0,
    description: 'Decides between actions of equal value; the higher wins (ARB-2).',
  }),
})

export const CampaignSpec = strict({
  title: Type.String({ minLength: 1, maxLength: 200, description: 'For people.' }),
  triggers: Type.Array(Id('A trigger definition.'), {
    minItems: 1,
    uniqueItems: true,
    description: 'The triggers that it answers.',
  }),
  topic: Id('What the message is about: consent is given per channel and topic (CON-1).'),
  value: Type.Number({
    minimum: 0,
    maximum: 1e9,
    description:
      "Margin of one outcome (the event whose probability the effect is about), in the shop's currency.",
  }),
  actions: Type.Array(Action, {
    minItems: 1,
    maxItems: 32,
    description: 'The candidates. One message at most comes of them.',
  }),
})

export type CampaignSpec = Type.Static<typeof CampaignSpec>
export type CampaignAction = CampaignSpec['actions'][number]
