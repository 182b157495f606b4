/** `kind: trigger`: what to watch for. One schema per value of `on`. */
import Type from 'typebox'
import type { TriggerKind } from '../contract.ts'
import { Duration, STAGES, strict } from './parts.ts'

const maxAge = (standard: string) =>
  Duration(
    'How long after it came about the trigger may still be acted upon; after that its decision is `nothing`, reason `expired`.',
    standard,
  )

const AbandonedCart = strict({
  on: Type.Literal('abandoned_cart', { description: 'A cart that is not empty stands still.' }),
  idle: Duration('Time without a change of the cart (TRG-1, TIM-1).', '2h'),
  max_age: maxAge('46h'),
})
const BrowseAbandonment = strict({
  on: Type.Literal('browse_abandonment', {
    description: 'Products were viewed, and neither a cart nor an order came of it.',
  }),
  idle: Duration('Time since the last Product Viewed (TRG-1).', '4h'),
  max_age: maxAge('44h'),
})
const Inactivity = strict({
  on: Type.Literal('inactivity', { description: 'Nothing was heard of the customer.' }),
  after: Duration('Time since the last activity (TRG-1).', '7d'),
  max_age: maxAge('7d'),
})
const Dormancy = strict({
  on: Type.Literal('dormancy', {
    description: 'Nothing was heard of the customer for a season.',
  }),
  after: Duration('Time since the last activity (TRG-1).', '90d'),
  max_age: maxAge('14d'),
})
const StageChange = strict({
  on: Type.Literal('stage_change', {
    description: 'The lifecycle stage changed (LIF-2), by an event or by time alone.',
  }),
  from: Type.Array(Type.Enum(STAGES), {
    description: 'Only changes from one of these stages; empty: from any.',
    uniqueItems: true,
    default: [],
  }),
  to: Type.Array(Type.Enum(STAGES), {
    description: 'Only changes to one of these stages.',
    uniqueItems: true,
    minItems: 1,
  }),
  max_age: maxAge('7d'),
})
const PurchaseMilestone = strict({
  on: Type.Literal('purchase_milestone', {
    description: 'The customer completed the n-th order.',
  }),
  orders: Type.Array(Type.Integer({ minimum: 1, maximum: 100_000 }), {
    description: 'The counts that are milestones (TRG-1).',
    uniqueItems: true,
    minItems: 1,
    maxItems: 100,
    default: [1, 3, 5, 10],
  }),
  max_age: maxAge('3d'),
})

export const TRIGGER_SPECS = {
  abandoned_cart: AbandonedCart,
  browse_abandonment: BrowseAbandonment,
  inactivity: Inactivity,
  dormancy: Dormancy,
  stage_change: StageChange,
  purchase_milestone: PurchaseMilestone,
} as const satisfies Record<TriggerKind, Type.TSchema>

export type TriggerSpecOf<K extends TriggerKind> = Type.Static<(typeof TRIGGER_SPECS)[K]>
export type TriggerSpec = { [K in TriggerKind]: TriggerSpecOf<K> }[TriggerKind]
