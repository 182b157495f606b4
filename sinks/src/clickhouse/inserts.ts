/**
 * Bringing a block's rows into their tables exactly once.
 *
 * `insertRows` is the way without trouble. After trouble (a crash, a lost answer) `settleTable` counts
 * what is there and inserts, or removes and inserts, what is missing; it may be repeated. Rows that
 * ClickHouse refuses are found by halving and kept in `rejected_rows`; they never hold up the others.
 */

import { type LoadedRange, type Range, REJECTED, rejectedRow } from './blocks.ts'
import type { Writer } from './connect.ts'

type Rows = readonly Record<string, unknown>[]

/** What is wanted of one table in one block. */
export interface TableShare {
  readonly table: string
  readonly topic: string
  readonly ranges: readonly LoadedRange[]
  /** Names the rows for ClickHouse's own deduplication: an insert that is repeated is dropped. */
  readonly token: string
  readonly now: number
}

/**
 * Codes by which ClickHouse says that a row is wrong, not that it is in trouble: what cannot be parsed
 * (6, 25, 26, 27, 33, 38, 41, 42, 72), values out of range or of another type (43, 44, 53, 69, 70, 117,
 * 131, 321, 349, 407), and a row larger than its limit (25, 464).
 */
const ROW_IS_WRONG = new Set(
  [6, 25, 26, 27, 33, 38, 41, 42, 43, 44, 53, 69, 70, 72, 117, 131, 321, 349, 407, 464].map(String),
)

const isRowFault = (error: unknown): boolean =>
  ROW_IS_WRONG.has(String((error as { code?: unknown } | null)?.code))

/** @returns how many rows were refused and kept apart */
export async function insertRows(writer: Writer, share: TableShare, rows: Rows): Promise<number> {
  if (rows.length === 0) return 0
  try {
    await writer.insert(share.table, rows, share.token)
    return 0
  } catch (error) {
    if (!isRowFault(error) || share.table === REJECTED) throw error
    const [row] = rows
    if (rows.length === 1 && row !== undefined) return keepApart(writer, share, { row, error })
    const middle = rows.length >> 1
    const halves = [rows.slice(0, middle), rows.slice(middle)]
    let refused = 0
    for (const [i, half] of halves.entries())
      refused += await insertRows(writer, { ...share, token: `${share.token}.${i}` }, half)
    return refused
  }
}

async function keepApart(
  writer: Writer,
  share: TableShare,
  what: { readonly row: Record<string, unknown>; readonly error: unknown },
): Promise<number> {
  const { row } = what
  const kept = rejectedRow(share.now, {
    topic: share.topic,
    target: share.table,
    // ClickHouse's own words quote the row, which may be personal: its code has to do.
    reason: `ClickHouse refuses it with code ${(what.error as { code: string }).code}`,
    value: Buffer.from(JSON.stringify(row)),
  })
  const at = { log_partition: row['log_partition'], log_offset: row['log_offset'] }
  await writer.insert(REJECTED, [{ ...kept, ...at }], `${share.token}!`)
  return 1
}

/**
 * Makes the table hold exactly `rows` in the share's ranges, whatever it holds now.
 * @returns whether anything had to be done
 */
export async function settleTable(
  writer: Writer,
  share: TableShare,
  rows: () => Promise<Rows>,
): Promise<boolean> {
  const expected = share.ranges.reduce((sum, { counts }) => sum + (counts[share.table] ?? 0), 0)
  const own = await countRows(writer, share, false)
  const refused = share.table === REJECTED ? 0 : await countRows(writer, share, true)
  if (own + refused === expected) return false
  if (own + refused > 0) await removeRows(writer, share)
  // A token that was used for rows which are gone would make ClickHouse drop the new ones.
  const token = own + refused > 0 ? `${share.token}~${share.now}` : share.token
  await insertRows(writer, { ...share, token }, await rows())
  return true
}

const within = (ranges: readonly LoadedRange[]): string =>
  ranges.map(({ range }) => `(${placeOf(range)})`).join(' OR ')

const placeOf = ({ partition, from, to }: Range): string =>
  `log_partition = ${partition} AND log_offset >= ${from} AND log_offset < ${to}`

const literal = (name: string): string =>
  `'${name.replaceAll('\\', '\\\\').replaceAll("'", "\\'")}'`

/** The share's rows in its table, or those of them that were refused. */
function conditionOf(share: TableShare, refused: boolean): { from: string; where: string } {
  if (!refused && share.table !== REJECTED)
    return { from: share.table, where: within(share.ranges) }
  const target = refused ? share.table : ''
  const where = `topic = ${literal(share.topic)} AND target = ${literal(target)} AND (${within(share.ranges)})`
  return { from: REJECTED, where }
}

async function countRows(writer: Writer, share: TableShare, refused: boolean): Promise<number> {
  const { from, where } = conditionOf(share, refused)
  const [row] = await writer.rows<{ rows: number }>(
    `SELECT count() AS rows FROM ${from} WHERE ${where}`,
  )
  return Number(row?.rows ?? 0)
}

async function removeRows(writer: Writer, share: TableShare): Promise<void> {
  for (const refused of share.table === REJECTED ? [false] : [false, true]) {
    const { from, where } = conditionOf(share, refused)
    await writer.command(`ALTER TABLE ${from} DELETE WHERE ${where}`, { mutations_sync: '2' })
  }
}
