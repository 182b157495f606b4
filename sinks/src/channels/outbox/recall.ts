/** Finds out from the files of an outbox where it stopped, and cuts off what a crash left of a line. */
import { readdirSync, readFileSync, rmSync, truncateSync } from 'node:fs'
import { join } from 'node:path'
import { OpportuneError } from '#engine'

const NAME = /^\d{4}-\d{2}-\d{2}\.ndjson$/

interface Header {
  readonly outbox: 1
  readonly positions: Readonly<Record<string, number>>
}

export interface Recalled {
  /** UTC date of the newest file. */
  readonly newest: string | undefined
  /** Where to go on, by partition. */
  readonly positions: Map<number, number>
}

/** @throws outbox_corrupt where whole lines do not read */
export function recall(directory: string): Recalled {
  const newest = readdirSync(directory)
    .filter((name) => NAME.test(name))
    .toSorted()
    .at(-1)
  if (newest === undefined) return { newest, positions: new Map() }
  const file = join(directory, newest)
  const bytes = readFileSync(file)
  const end = bytes.lastIndexOf(0x0a) + 1
  if (end === 0) {
    // Not even its header was finished: the file before is the newest.
    rmSync(file)
    return recall(directory)
  }
  if (end < bytes.length) truncateSync(file, end)
  const lines = bytes.toString('utf8', 0, end).split('\n').slice(0, -1)
  return { newest: newest.slice(0, 10), positions: positionsIn(lines, newest) }
}

function positionsIn(lines: readonly string[], file: string): Map<number, number> {
  const [first = '', ...messages] = lines
  const header = parse(first, file) as Partial<Header> | null
  if (header?.outbox !== 1 || header.positions === undefined) throw corrupt(file, 1)
  const positions = new Map(
    Object.entries(header.positions).map(([partition, next]) => [Number(partition), next]),
  )
  for (const [i, line] of messages.entries()) {
    const { partition, offset } = parse(line, file, i + 2) as { partition: number; offset: number }
    if (!Number.isSafeInteger(partition) || !Number.isSafeInteger(offset))
      throw corrupt(file, i + 2)
    positions.set(partition, offset + 1)
  }
  return positions
}

function parse(line: string, file: string, number = 1): unknown {
  try {
    return JSON.parse(line)
  } catch {
    throw corrupt(file, number)
  }
}

const corrupt = (file: string, line: number): OpportuneError =>
  new OpportuneError('outbox_corrupt', `${file}, line ${line} does not read.`, { line })
