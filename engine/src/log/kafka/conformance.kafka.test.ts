import { beforeEach, describe, inject } from 'vitest'
import { eventLogConformance } from '../conformance.ts'
import { logUnderTest, openTestLog } from './testing.ts'

const kafka = inject('kafka')

describe('Kafka', () => {
  beforeEach((ctx) => {
    if (kafka.brokers === undefined) ctx.skip(kafka.reason)
  })
  eventLogConformance(
    'Kafka',
    async (settings) => await logUnderTest(await openTestLog(kafka.brokers ?? '', settings)),
    { cleaning: 'elsewhere', traces: 2, timeoutMs: 60_000 },
  )
})
