/**
 * Reads the Hillstrom trial (CSV or Arrow, plain or gzip) into UpliftData. Columns are found by name in any
 * order; a row outside its domain stops the reading with its place, because a training set that
 * lost rows silently would no longer be the one that its fingerprint names.
 */
import { createHash } from 'node:crypto'
import { OpportuneError } from '#engine'
import type { Arm, UpliftData } from './dataset.ts'
import type { UpliftRule } from './evaluate.ts'
import { UPLIFT_FEATURES } from './features.ts'
import { readTable, type Table, unpack } from './table.ts'

/** Arm 0 is the control. Both e-mails showed merchandise without an offer: content, informational. */
export const HILLSTROM_ARMS: readonly Arm[] = [
  { id: 'none', label: 'No E-Mail', intervention: 'none', interventionType: 'none' },
  {
    id: 'mens_email',
    label: 'Mens E-Mail',
    intervention: 'content',
    interventionType: 'informational',
  },
  {
    id: 'womens_email',
    label: 'Womens E-Mail',
    intervention: 'content',
    interventionType: 'informational',
  },
]

const MENS = UPLIFT_FEATURES.indexOf('bought_mens')
const WOMENS = UPLIFT_FEATURES.indexOf('bought_womens')

/**
 * The one line that no published learner beats on this trial: women's e-mail to those who bought women's
 * clothes only, men's to all others; as a score, bought_womens - bought_mens.
 */
export const HILLSTROM_RULES: readonly UpliftRule[] = [
  {
    name: 'womens-mens',
    score: (row) => (row[WOMENS] as number) - (row[MENS] as number),
    choose: (row) => (row[WOMENS] === 1 && row[MENS] === 0 ? 2 : 1),
  },
]

export type HillstromOutcome = 'visit' | 'conversion'

const AREAS = ['Surburban', 'Urban', 'Rural'] as const
const CHANNELS = ['Web', 'Phone', 'Multichannel'] as const

/**
 * Reads the trial's rows with `outcome` as the thing to be explained. Throws `model_data_unreadable`,
 * `model_data_header` or `model_data_row` (with the line or row).
 */
export function readHillstrom(file: Uint8Array, outcome: HillstromOutcome = 'visit'): UpliftData {
  const bytes = unpack(file)
  const table = readTable(bytes)
  const columns = locateColumns(table.names, outcome)
  const { count } = table
  const width = UPLIFT_FEATURES.length
  const features = new Float64Array(count * width)
  const arm = new Uint8Array(count)
  const response = new Uint8Array(count)
  const labels = HILLSTROM_ARMS.map((a) => a.label)
  for (let row = 0; row < count; row++) {
    const read = new RowReader(table, columns, row)
    read.features(features, row * width)
    arm[row] = read.oneOf('segment', labels)
    response[row] = read.flag(outcome)
  }
  return {
    count,
    featureNames: UPLIFT_FEATURES,
    features,
    arm,
    outcome: response,
    outcomeName: outcome,
    arms: HILLSTROM_ARMS,
    fingerprint: createHash('sha256').update(bytes).digest('hex'),
  }
}

const COLUMNS = ['recency', 'history', 'mens', 'womens', 'zip_code', 'newbie', 'channel', 'segment']

function locateColumns(names: readonly string[], outcome: string): ReadonlyMap<string, number> {
  const found = new Map<string, number>()
  for (const name of [...COLUMNS, outcome]) {
    const at = names.indexOf(name)
    if (at < 0)
      throw new OpportuneError('model_data_header', `Column ${name} is missing.`, { column: name })
    found.set(name, at)
  }
  return found
}

/** Reads and checks the cells of one row; every failure names its place and the column. */
class RowReader {
  readonly #table: Table
  readonly #columns: ReadonlyMap<string, number>
  readonly #row: number

  constructor(table: Table, columns: ReadonlyMap<string, number>, row: number) {
    this.#table = table
    this.#columns = columns
    this.#row = row
  }

  /** Writes the row in the order of UPLIFT_FEATURES. */
  features(out: Float64Array, at: number): void {
    const area = AREAS[this.oneOf('zip_code', AREAS)]
    const channel = CHANNELS[this.oneOf('channel', CHANNELS)]
    out[at] = this.#number('recency', 0)
    out[at + 1] = Math.log(this.#number('history', 1))
    out[at + 2] = this.flag('mens')
    out[at + 3] = this.flag('womens')
    out[at + 4] = this.flag('newbie')
    out[at + 5] = area === 'Urban' ? 1 : 0
    out[at + 6] = area === 'Rural' ? 1 : 0
    out[at + 7] = channel === 'Phone' ? 1 : 0
    out[at + 8] = channel === 'Multichannel' ? 1 : 0
  }

  flag(column: string): 0 | 1 {
    const cell = this.#cell(column)
    if (cell !== '0' && cell !== '1') throw this.#refusal(column, '0 or 1')
    return cell === '1' ? 1 : 0
  }

  /** The index of the cell among `allowed`. */
  oneOf(column: string, allowed: readonly string[]): number {
    const index = allowed.indexOf(this.#cell(column))
    if (index < 0) throw this.#refusal(column, `one of ${allowed.join(', ')}`)
    return index
  }

  #number(column: string, least: number): number {
    const cell = this.#cell(column)
    const value = cell === '' ? Number.NaN : Number(cell)
    if (!Number.isFinite(value) || value < least)
      throw this.#refusal(column, `a number of at least ${least}`)
    return value
  }

  #cell(column: string): string {
    return this.#table.cell(this.#row, this.#columns.get(column) ?? -1)
  }

  /** The cell itself stays out of the message: it may be anything. */
  #refusal(column: string, wanted: string): OpportuneError {
    const { unit, number } = this.#table.place(this.#row)
    const where = `${unit === 'line' ? 'Line' : 'Row'} ${number}`
    return new OpportuneError('model_data_row', `${where}, column ${column}: expected ${wanted}.`, {
      [unit]: number,
      column,
    })
  }
}
