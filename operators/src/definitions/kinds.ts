/** The kinds of definition: the one list from which reading, checking and the reference page follow. */
import type Type from 'typebox'
import { CampaignSpec } from './campaign.ts'
import { ChannelSpec, TemplateSpec, TopicSpec } from './content.ts'
import { CapsSpec, LifecycleSpec, QuietHoursSpec, ShopSpec } from './limits.ts'
import { TRIGGER_SPECS } from './trigger.ts'

export const KINDS = [
  'trigger',
  'campaign',
  'template',
  'topic',
  'channel',
  'caps',
  'quiet-hours',
  'lifecycle',
  'shop',
] as const
export type Kind = (typeof KINDS)[number]

export interface KindEntry {
  readonly about: string
  /** One document at most, with the id `default`; its defaults stand where there is none. */
  readonly single: boolean
  /** By the field that selects one; the key '' where there is only one. */
  readonly by: string | null
  readonly schemas: Readonly<Record<string, Type.TSchema>>
}

const one = (about: string, schema: Type.TSchema, single = false): KindEntry => ({
  about,
  single,
  by: null,
  schemas: { '': schema },
})

export const KIND_ENTRIES: Readonly<Record<Kind, KindEntry>> = {
  trigger: {
    about: 'What to watch for. `on` selects the kind of trigger.',
    single: false,
    by: 'on',
    schemas: TRIGGER_SPECS,
  },
  campaign: one('Which actions may answer a trigger, and what an outcome is worth.', CampaignSpec),
  template: one('What is said, on one channel.', TemplateSpec),
  topic: one('What messages are about; consent is given per channel and topic.', TopicSpec),
  channel: one('A way to the customer; the id is its name, such as `email`.', ChannelSpec),
  caps: one('How much is too much.', CapsSpec, true),
  'quiet-hours': one('When nothing is sent.', QuietHoursSpec, true),
  lifecycle: one('Boundaries of the lifecycle stages.', LifecycleSpec, true),
  shop: one('The shop itself.', ShopSpec, true),
}
