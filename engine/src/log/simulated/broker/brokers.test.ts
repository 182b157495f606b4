import { eventLogConformance, type LogSettings, type LogUnderTest } from '../../conformance.ts'
import { SimulatedBrokers } from './brokers.ts'

/** Real time, and short waits: what the suite does by hand must not take long. */
async function brokers(settings: LogSettings = {}): Promise<LogUnderTest> {
  let time = 1_750_000_000_000
  const { maxRecordBytes, revokeMs = 1_000 } = settings
  const log = new SimulatedBrokers({
    now: () => time,
    times: { heartbeatMs: 2, revokeMs, latencyMs: 0, requestMs: 1_000, commitMs: 1_000 },
    ...(maxRecordBytes === undefined ? {} : { maxRecordBytes }),
  }).connect()
  return {
    log,
    advance(ms) {
      time += ms
    },
    compact: (topic, partition) => log.compact(topic, partition),
    housekeep: () => log.housekeep(),
    dispose: () => log.close(),
  }
}

eventLogConformance('simulated brokers', brokers, { timeoutMs: 5_000, traces: 20 })
