/**
 * The copy of the seals outside the log: a file, one seal a line, appended and synced before the
 * sealer goes on. Put it on a medium that the operator of the log can append to and not alter; within
 * the same data directory it only proves accidents.
 *
 * A line that a crash cut short is removed at the next start: it was never acknowledged, and the log
 * has it in full.
 */
import {
  closeSync,
  fstatSync,
  fsync,
  ftruncateSync,
  mkdirSync,
  openSync,
  readFileSync,
  readSync,
  writeSync,
} from 'node:fs'
import { dirname } from 'node:path'
import { promisify } from 'node:util'

const synced = promisify(fsync)
const LINE_FEED = 10
const BLOCK = 64 * 1024

export class OutsideCopy {
  readonly #fd: number
  #last: string | undefined

  constructor(file: string) {
    mkdirSync(dirname(file), { recursive: true })
    this.#fd = openSync(file, 'a+', 0o644)
    this.#last = this.#repair()
  }

  /** The last whole line. */
  get last(): string | undefined {
    return this.#last
  }

  /** Resolves once the line is on the disk; the thread on which decisions are made does not wait. */
  async append(line: string): Promise<void> {
    const { size } = fstatSync(this.#fd)
    try {
      writeSync(this.#fd, `${line}\n`)
      await synced(this.#fd)
    } catch (error) {
      // A full disk takes half a line; the next one must not be joined to it.
      ftruncateSync(this.#fd, size)
      throw error
    }
    this.#last = line
  }

  close(): void {
    closeSync(this.#fd)
  }

  /** Cuts off what follows the last line feed. @returns the line before it */
  #repair(): string | undefined {
    const { size } = fstatSync(this.#fd)
    let tail = Buffer.alloc(0)
    let from = size
    while (from > 0) {
      const block = Buffer.alloc(Math.min(BLOCK, from))
      from -= block.length
      readSync(this.#fd, block, 0, block.length, from)
      tail = Buffer.concat([block, tail])
      const end = tail.lastIndexOf(LINE_FEED)
      const start = end <= 0 ? -1 : tail.lastIndexOf(LINE_FEED, end - 1)
      if (end < 0 || (start < 0 && from > 0)) continue
      ftruncateSync(this.#fd, from + end + 1)
      return tail.toString('utf8', start + 1, end)
    }
    ftruncateSync(this.#fd, 0)
    return undefined
  }
}

/** The whole lines of a copy, for a verifier. */
export function readSealFile(file: string): readonly string[] {
  const text = readFileSync(file, 'utf8')
  return text
    .slice(0, text.lastIndexOf('\n') + 1)
    .split('\n')
    .slice(0, -1)
}
