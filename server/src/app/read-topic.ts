/** Reading a topic from end to end, partition by partition. */
import type { EventLog, LogBatch } from '#engine'

const LIMITS = { maxRecords: 5_000, maxBytes: 4 << 20 }

/** Every committed batch of a topic as of now; nothing where the topic does not exist. */
export async function* readTopic(
  log: Pick<EventLog, 'topics' | 'bounds' | 'reader'>,
  topic: string,
): AsyncGenerator<LogBatch> {
  const spec = (await log.topics()).find((t) => t.name === topic)
  const reader = log.reader()
  try {
    for (let partition = 0; partition < (spec?.partitions ?? 0); partition++) {
      const [bounds] = await log.bounds([{ topic, partition }])
      for (let offset = bounds?.start ?? 0; offset < (bounds?.end ?? 0); ) {
        const batch = await reader.read({ topic, partition }, offset, LIMITS)
        if (batch === undefined) break
        yield batch
        offset = batch.nextOffset
      }
    }
  } finally {
    await reader.close()
  }
}

/** The values of a topic's records. */
export async function* readValues(
  log: Pick<EventLog, 'topics' | 'bounds' | 'reader'>,
  topic: string,
): AsyncGenerator<Uint8Array> {
  for await (const batch of readTopic(log, topic))
    for (let i = 0; i < batch.length; i++) {
      const value = batch.value(i)
      if (value !== null) yield value
    }
}
