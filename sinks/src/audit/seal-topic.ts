/** Reading the topic `audit-seals` from its end: it grows for ever and is read at every start. */
import type { EventLog, LogReader } from '#engine'
import { decodeSeal } from './seal.ts'

export const SEALS = 'audit-seals'

const LIMITS = { maxRecords: 1_000, maxBytes: 1 << 20 }

type Log = Pick<EventLog, 'bounds'>

/** The last seal's line; undefined where none was written. */
export async function lastSealLine(log: Log, reader: LogReader): Promise<string | undefined> {
  return (await linesBack(log, reader, (lines) => lines.length > 0)).at(-1)
}

/** The lines from seal `number` on. */
export async function sealLines(
  log: Log,
  reader: LogReader,
  number: number,
): Promise<readonly string[]> {
  const reaches = (lines: readonly string[]): boolean => numberOf(lines[0]) <= number
  const lines = await linesBack(log, reader, reaches)
  return lines.filter((line) => numberOf(line) >= number)
}

const numberOf = (line: string | undefined): number =>
  line === undefined ? Number.POSITIVE_INFINITY : decodeSeal(line).number

/** Steps back from the end, twice as far each time, until `enough` or the beginning. */
async function linesBack(
  log: Log,
  reader: LogReader,
  enough: (lines: readonly string[]) => boolean,
): Promise<readonly string[]> {
  const [bounds] = await log.bounds([{ topic: SEALS, partition: 0 }])
  const start = bounds?.start ?? 0
  const end = bounds?.end ?? 0
  for (let back = 16; ; back *= 2) {
    const from = Math.max(start, end - back)
    const lines = await linesFrom(reader, from)
    if (from === start || enough(lines)) return lines
  }
}

async function linesFrom(reader: LogReader, from: number): Promise<readonly string[]> {
  const lines: string[] = []
  for (let at = from; ; ) {
    const batch = await reader.read({ topic: SEALS, partition: 0 }, at, LIMITS)
    if (batch === undefined) return lines
    for (let i = 0; i < batch.length; i++) lines.push(Buffer.from(batch.value(i) ?? []).toString())
    at = batch.nextOffset
  }
}
