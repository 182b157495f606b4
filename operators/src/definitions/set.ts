/**
 * A set of definitions: plain JSON, named by the hash of its content, so that a decision that names
 * the version names every threshold it rests on (CFG-1, AUD-1).
 */
import { createHash } from 'node:crypto'
import { Default } from 'typebox/value'
import type { CampaignSpec } from './campaign.ts'
import type { ChannelSpec, TemplateSpec, TopicSpec } from './content.ts'
import {
  CapsSpec,
  LifecycleSpec as LifecycleSchema,
  type LifecycleSpec,
  QuietHoursSpec as QuietHoursSchema,
  type QuietHoursSpec,
  ShopSpec as ShopSchema,
  type ShopSpec,
} from './limits.ts'
import type { TriggerSpec } from './trigger.ts'

type ById<T> = Readonly<Record<string, T>>

/** The bodies, without the name that follows from them. */
export interface DefinitionBodies {
  readonly triggers: ById<TriggerSpec>
  readonly campaigns: ById<CampaignSpec>
  readonly templates: ById<TemplateSpec>
  readonly topics: ById<TopicSpec>
  readonly channels: ById<ChannelSpec>
  readonly caps: CapsSpec
  readonly quietHours: QuietHoursSpec
  readonly lifecycle: LifecycleSpec
  readonly shop: ShopSpec
}

export interface DefinitionSet extends DefinitionBodies {
  readonly format: 1
  /** The first 16 hex digits of the SHA-256 of the canonical JSON of the bodies. */
  readonly version: string
}

/** JSON with the keys of every object in code unit order: equal content, equal text. */
export function canonicalJson(value: unknown): string {
  if (value === null || typeof value !== 'object') return JSON.stringify(value)
  if (Array.isArray(value)) return `[${value.map(canonicalJson).join(',')}]`
  const entries = Object.entries(value)
    .filter(([, item]) => item !== undefined)
    .sort(([a], [b]) => (a < b ? -1 : 1))
    .map(([key, item]) => `${JSON.stringify(key)}:${canonicalJson(item)}`)
  return `{${entries.join(',')}}`
}

export function definitionSet(bodies: DefinitionBodies): DefinitionSet {
  const text = canonicalJson(bodies)
  const version = createHash('sha256').update(text).digest('hex').slice(0, 16)
  // Parsed anew, so that the set shares nothing with what it was made from.
  return { format: 1, version, ...(JSON.parse(text) as DefinitionBodies) }
}

/** The standard values of the single documents, as their schemas state them. */
export const standardLimits = (): Pick<
  DefinitionBodies,
  'caps' | 'quietHours' | 'lifecycle' | 'shop'
> => ({
  caps: Default(CapsSpec, {}) as CapsSpec,
  quietHours: Default(QuietHoursSchema, {}) as QuietHoursSpec,
  lifecycle: Default(LifecycleSchema, {}) as LifecycleSpec,
  shop: Default(ShopSchema, {}) as ShopSpec,
})

/** Nothing is watched and nothing is sent, until a set is activated. */
export const NO_DEFINITIONS: DefinitionSet = definitionSet({
  triggers: {},
  campaigns: {},
  templates: {},
  topics: {},
  channels: {},
  ...standardLimits(),
})
