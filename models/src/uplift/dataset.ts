/**
 * Randomised data as the uplift models see it: one row a customer, arms assigned at random, one binary
 * outcome. Columnar, so that a fold is a list of row numbers and nothing is copied per model.
 */
import { assert, OpportuneError } from '#engine'
import type { Intervention } from '../vocabulary.ts'

/** One arm of the trial. Arm 0 is always the control: no contact. */
export interface Arm {
  readonly id: string
  /** The arm's name in the source data. */
  readonly label: string
  readonly intervention: Intervention
  readonly interventionType: 'psychological' | 'economic' | 'informational' | 'none'
}

export interface UpliftData {
  readonly count: number
  readonly featureNames: readonly string[]
  /** Raw (not standardised) features, row-major: `features[row * featureNames.length + i]`. */
  readonly features: Float64Array
  /** Index into `arms` per row. */
  readonly arm: Uint8Array
  /** 0 or 1 per row. */
  readonly outcome: Uint8Array
  readonly outcomeName: string
  readonly arms: readonly Arm[]
  /** Hex SHA-256 of the unpacked training file: names the data, whatever its compression. */
  readonly fingerprint: string
}

/** Below this many rows with either outcome in an arm its head learns noise. */
const FEWEST_PER_CELL = 20

/** Throws `model_data_thin` when some arm has too few rows of either outcome among `rows`. */
export function requireEnoughData(data: UpliftData, rows: Uint32Array): void {
  const cells = new Uint32Array(data.arms.length * 2)
  for (const row of rows) {
    const cell = (data.arm[row] as number) * 2 + (data.outcome[row] as number)
    cells[cell] = (cells[cell] as number) + 1
  }
  for (const [index, arm] of data.arms.entries()) {
    const fewest = Math.min(cells[index * 2] as number, cells[index * 2 + 1] as number)
    if (fewest < FEWEST_PER_CELL)
      throw new OpportuneError(
        'model_data_thin',
        `Arm ${arm.id} has ${fewest} rows of its rarer outcome; ${FEWEST_PER_CELL} are needed.`,
        { arm: arm.id, rows: fewest, needed: FEWEST_PER_CELL },
      )
  }
}

/** Every row number of a data set. */
export function allRows(data: UpliftData): Uint32Array {
  return Uint32Array.from({ length: data.count }, (_, row) => row)
}

/** The rows asked for, in that order, as a data set of their own. */
export function selectRows(data: UpliftData, rows: Uint32Array): UpliftData {
  const width = data.featureNames.length
  const features = new Float64Array(rows.length * width)
  for (let i = 0; i < rows.length; i++) {
    const from = (rows[i] as number) * width
    features.set(data.features.subarray(from, from + width), i * width)
  }
  return {
    ...data,
    count: rows.length,
    features,
    arm: Uint8Array.from(rows, (row) => data.arm[row] as number),
    outcome: Uint8Array.from(rows, (row) => data.outcome[row] as number),
  }
}

/**
 * The fold of a row, 0..9: the row number times Knuth's constant, modulo 2^32, in ten equal parts. Any
 * language gives the same folds for the same file, so figures compare across libraries.
 */
export function knuthFold(row: number): number {
  return Math.floor((Math.imul(row, 2654435761) >>> 0) / 429496729.6)
}

/** Rows outside (`training`) and inside (`held`) one Knuth fold. */
export function splitByFold(
  data: UpliftData,
  fold: number,
): { readonly training: Uint32Array; readonly held: Uint32Array } {
  assert(Number.isInteger(fold) && fold >= 0 && fold < 10, 'a fold is 0..9')
  const rows = allRows(data)
  return {
    training: rows.filter((row) => knuthFold(row) !== fold),
    held: rows.filter((row) => knuthFold(row) === fold),
  }
}
