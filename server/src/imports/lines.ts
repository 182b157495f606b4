/**
 * Files as lines of bytes, in constant memory.
 *
 * Gzip is recognised by its first two bytes, so a file may have any name. A line ends with LF or
 * CRLF; the last one may go without. A line above the limit is not held: its beginning and its length
 * are all that is kept of it. Read errors and torn archives end in `import_unreadable`.
 */
import { createReadStream } from 'node:fs'
import { open, stat } from 'node:fs/promises'
import { pipeline } from 'node:stream'
import { createGunzip } from 'node:zlib'
import { OpportuneError } from '#engine'

/** Longest line taken. The tracking API takes 32 KB a call; a file may hold larger rows, not any size. */
export const MAX_LINE_BYTES = 1 << 20

const LF = 10
const CR = 13

export interface Line {
  /** From 1. */
  readonly number: number
  /** Without the line end. A copy where the line crossed a chunk, else a view. */
  readonly bytes: Buffer
  /** Length of the whole line; above `bytes.length` when the line was too long to keep. */
  readonly size: number
}

/** How far a file has been read, in bytes as stored (compressed). */
export interface ReadProgress {
  readBytes: number
  totalBytes: number
}

function unreadable(path: string, cause: unknown): OpportuneError {
  const name = path.slice(path.lastIndexOf('/') + 1)
  return new OpportuneError('import_unreadable', `Reading ${name} failed.`, { file: name }, cause)
}

/** The first bytes of a file, fewer if it is shorter. @throws import_unreadable */
export async function firstBytes(path: string, count: number): Promise<Buffer> {
  try {
    await using file = await open(path)
    const { buffer, bytesRead } = await file.read(Buffer.alloc(count), 0, count, 0)
    return buffer.subarray(0, bytesRead)
  } catch (error) {
    throw unreadable(path, error)
  }
}

/** A file's content, unzipped where it is gzip. @throws import_unreadable */
export async function* fileChunks(path: string, progress?: ReadProgress): AsyncGenerator<Buffer> {
  const magic = await firstBytes(path, 2)
  try {
    const file = createReadStream(path, { highWaterMark: 1 << 18 })
    if (progress !== undefined) progress.totalBytes = (await stat(path)).size
    const gzip = magic[0] === 0x1f && magic[1] === 0x8b
    // The callback only keeps a failure from being thrown twice: the loop below meets it.
    const content = gzip ? pipeline(file, createGunzip({ chunkSize: 1 << 18 }), () => {}) : file
    for await (const chunk of content) {
      if (progress !== undefined) progress.readBytes = file.bytesRead
      yield chunk as Buffer
    }
  } catch (error) {
    throw unreadable(path, error)
  }
}

/** Collects the pieces of a line that spans chunks, keeping no more than the limit. */
class PartialLine {
  readonly #limit: number
  #pieces: Buffer[] = []
  #kept = 0
  size = 0

  constructor(limit: number) {
    this.#limit = limit
  }

  add(piece: Buffer): void {
    this.size += piece.length
    // One more than the limit: a CR that ends the line does not count.
    const room = this.#limit + 1 - this.#kept
    if (room <= 0 || piece.length === 0) return
    // A copy of what is kept: a view would hold the whole chunk in memory.
    const kept = Buffer.from(piece.subarray(0, room))
    this.#pieces.push(kept)
    this.#kept += kept.length
  }

  /** The line so far; starts the next one. */
  take(number: number): Line {
    const whole = Buffer.concat(this.#pieces)
    const line = toLine(number, whole, this.size, this.#limit)
    this.#pieces = []
    this.#kept = 0
    this.size = 0
    return line
  }
}

/** @param bytes the line, or as much of it as is kept */
function toLine(number: number, bytes: Buffer, size: number, limit: number): Line {
  const end = bytes.length === size && bytes[size - 1] === CR ? size - 1 : size
  return { number, bytes: bytes.subarray(0, Math.min(end, limit)), size: end }
}

/** True when a line is too long to be a record; its `bytes` are then only its beginning. */
export const isTooLong = (line: Line): boolean => line.size > line.bytes.length

/**
 * Splits chunks into lines, one group for each chunk that completes any.
 *
 * @param limit bytes of a line to keep at most
 */
export async function* toLines(
  chunks: AsyncIterable<Buffer>,
  limit = MAX_LINE_BYTES,
): AsyncGenerator<readonly Line[]> {
  const partial = new PartialLine(limit)
  let number = 1
  for await (const chunk of chunks) {
    const lines: Line[] = []
    let from = 0
    for (let to = chunk.indexOf(LF); to !== -1; to = chunk.indexOf(LF, from)) {
      const piece = chunk.subarray(from, to)
      if (partial.size === 0) lines.push(toLine(number++, piece, piece.length, limit))
      else {
        partial.add(piece)
        lines.push(partial.take(number++))
      }
      from = to + 1
    }
    partial.add(chunk.subarray(from))
    if (lines.length > 0) yield lines
  }
  if (partial.size > 0) yield [partial.take(number)]
}
