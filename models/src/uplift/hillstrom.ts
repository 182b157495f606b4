/**
 * Reads the Hillstrom trial (CSV, plain or gzip) into UpliftData. Columns are found by name in any
 * order; a row outside its domain stops the reading with its line number, because a training set that
 * lost rows silently would no longer be the one that its fingerprint names.
 */
import { createHash } from 'node:crypto'
import { gunzipSync } from 'node:zlib'
import { OpportuneError } from '#engine'
import type { Arm, UpliftData } from './dataset.ts'
import type { UpliftRule } from './evaluate.ts'
import { UPLIFT_FEATURES } from './features.ts'

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

/** Unpacked, the file is 3.5 MB; the limit keeps a hostile archive from filling the memory. */
const LARGEST_UNPACKED = 256 * 1024 * 1024

const AREAS = ['Surburban', 'Urban', 'Rural'] as const
const CHANNELS = ['Web', 'Phone', 'Multichannel'] as const

/**
 * Reads the trial's rows with `outcome` as the thing to be explained. Throws `model_data_unreadable`,
 * `model_data_header` or `model_data_row` (with the line).
 */
export function readHillstrom(file: Uint8Array, outcome: HillstromOutcome = 'visit'): UpliftData {
  const bytes = unpack(file)
  const lines = new TextDecoder().decode(bytes).split(/\r?\n/)
  if (lines.at(-1) === '') lines.pop()
  const columns = locateColumns(lines[0] ?? '', outcome)
  const count = Math.max(0, lines.length - 1)
  const width = UPLIFT_FEATURES.length
  const features = new Float64Array(count * width)
  const arm = new Uint8Array(count)
  const response = new Uint8Array(count)
  for (let row = 0; row < count; row++) {
    const cells = splitLine(lines[row + 1] ?? '')
    const read = new RowReader(cells, columns, row + 2)
    read.features(features, row * width)
    arm[row] = read.oneOf(
      'segment',
      HILLSTROM_ARMS.map((a) => a.label),
    )
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

function unpack(file: Uint8Array): Uint8Array {
  if (file[0] !== 0x1f || file[1] !== 0x8b) return file
  try {
    return gunzipSync(file, { maxOutputLength: LARGEST_UNPACKED })
  } catch (error) {
    throw new OpportuneError('model_data_unreadable', 'The gzip file does not unpack.', {}, error)
  }
}

const COLUMNS = ['recency', 'history', 'mens', 'womens', 'zip_code', 'newbie', 'channel', 'segment']

function locateColumns(header: string, outcome: string): ReadonlyMap<string, number> {
  const names = splitLine(header)
  const found = new Map<string, number>()
  for (const name of [...COLUMNS, outcome]) {
    const at = names.indexOf(name)
    if (at < 0)
      throw new OpportuneError('model_data_header', `Column ${name} is missing.`, { column: name })
    found.set(name, at)
  }
  return found
}

/** Splits a CSV line; quotes protect commas ("7) $1,000 +") and the file has no quote within quotes. */
function splitLine(line: string): readonly string[] {
  if (!line.includes('"')) return line.split(',')
  const cells: string[] = []
  let quoted = false
  let start = 0
  for (let i = 0; i <= line.length; i++) {
    const c = line[i]
    if (c === '"') quoted = !quoted
    if (i === line.length || (c === ',' && !quoted)) {
      cells.push(line.slice(start, i).replaceAll('"', ''))
      start = i + 1
    }
  }
  return cells
}

/** Reads and checks the cells of one row; every failure names the line and the column. */
class RowReader {
  readonly #cells: readonly string[]
  readonly #columns: ReadonlyMap<string, number>
  readonly #line: number

  constructor(cells: readonly string[], columns: ReadonlyMap<string, number>, line: number) {
    this.#cells = cells
    this.#columns = columns
    this.#line = line
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
    return this.#cells[this.#columns.get(column) ?? -1] ?? ''
  }

  /** The cell itself stays out of the message: it may be anything. */
  #refusal(column: string, wanted: string): OpportuneError {
    return new OpportuneError(
      'model_data_row',
      `Line ${this.#line}, column ${column}: expected ${wanted}.`,
      { line: this.#line, column },
    )
  }
}
