/**
 * What a record or an epoch overwrote: the first old value of each cell, to be put back in reverse
 * order. Parallel arrays, so that a write allocates nothing.
 */
import type { Millis } from '../time.ts'
import type { Cell } from './cells.ts'

export class UndoLog {
  readonly cells: Cell[] = []
  readonly #values: unknown[] = []
  readonly #times: Millis[] = []
  length = 0

  push(cell: Cell, value: unknown, writtenAt: Millis): void {
    const at = this.length++
    this.cells[at] = cell
    this.#values[at] = value
    this.#times[at] = writtenAt
  }

  /** Moves the row at `index` to the end of another log. */
  moveTo(other: UndoLog, index: number): void {
    other.push(this.cells[index] as Cell, this.#values[index], this.#times[index] as Millis)
  }

  /** Puts the old value of the row at `index` back into its cell. */
  restore(index: number): Cell {
    const cell = this.cells[index] as Cell
    cell.value = this.#values[index]
    cell.writtenAt = this.#times[index] as Millis
    return cell
  }

  /** Keeps its memory: the log of the running record is reused record after record. */
  clear(): void {
    this.length = 0
  }
}
