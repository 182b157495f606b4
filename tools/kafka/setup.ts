/**
 * Before the Kafka tests of a run: finds or starts the broker that they share, and ends
 * it behind them. Without a broker those tests are skipped, with the reason.
 */
import { execFile } from 'node:child_process'
import type { TestProject } from 'vitest/node'
import { missing, startBroker } from './broker.ts'

export type TestKafka =
  | { readonly brokers: string; readonly sasl: string | undefined; readonly reason?: undefined }
  | { readonly brokers?: undefined; readonly reason: string }

declare module 'vitest' {
  export interface ProvidedContext {
    kafka: TestKafka
  }
}

export async function setup(project: TestProject): Promise<(() => Promise<void>) | undefined> {
  const provide = (kafka: TestKafka): void => project.provide('kafka', kafka)
  if (!(await clientLoads())) {
    provide({ reason: 'the optional package @confluentinc/kafka-javascript is not installed' })
    return undefined
  }
  const given = process.env['KAFKA_BROKERS']
  if (given !== undefined && given !== '') {
    provide({ brokers: given, sasl: undefined })
    return undefined
  }
  const reason = await missing()
  if (reason !== undefined) {
    provide({ reason })
    return undefined
  }
  try {
    const broker = await startBroker()
    provide({ brokers: broker.brokers, sasl: broker.sasl })
    return () => broker.stop()
  } catch (error) {
    // What is there but does not work must not pass for a machine without Kafka.
    if (process.env['CI'] !== undefined) throw error
    const words = error instanceof Error ? (error.message.split('\n')[0] ?? '') : String(error)
    provide({ reason: `a broker could not be started: ${words}` })
    return undefined
  }
}

/** In a process of its own, as the tests load it: its native half may be there and not fit. */
async function clientLoads(): Promise<boolean> {
  const program = "require('@confluentinc/kafka-javascript')"
  return await new Promise((resolve) => {
    execFile(process.execPath, ['-e', program], { timeout: 20_000 }, (error) =>
      resolve(error === null),
    )
  })
}
