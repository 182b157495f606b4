import { expect, expectTypeOf, test } from 'vitest'
import type { Channel, Intervention, TriggerKind } from '../contract.ts'
import { CHANNELS, INTERVENTIONS, PUSHED, TRIGGER_KINDS } from './parts.ts'

test('[CFG-1] what a definition may say is what an operator knows, and nothing more', () => {
  expectTypeOf<(typeof CHANNELS)[number]>().toEqualTypeOf<Channel>()
  expectTypeOf<(typeof INTERVENTIONS)[number]>().toEqualTypeOf<Intervention>()
  expectTypeOf<(typeof TRIGGER_KINDS)[number]>().toEqualTypeOf<TriggerKind>()
  expect(CHANNELS).toEqual(expect.arrayContaining([...PUSHED]))
})
