/**
 * Sorting calls by time with bounded memory: an external merge sort.
 *
 * Calls are held until a run is full; a full run is sorted and written to a temporary file, and all
 * runs are merged at the end. An input of at most one run never touches the disk. Order is (time,
 * line), a total order, so the result does not depend on the length of runs. Temporary files go when
 * the generator ends, also when it is left early.
 */
import { createReadStream } from 'node:fs'
import { mkdtemp, open, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { toLines } from './lines.ts'
import type { UntimedCall } from './records.ts'

export interface TimedCall {
  /** ms since 1970. */
  readonly time: number
  readonly line: number
  readonly call: UntimedCall
}

/** About 60 MB of calls. */
const RUN_CALLS = 100_000

/** Files merged at once: well under the usual limit of open files. */
const MERGE_WIDTH = 128

const WRITE_CALLS = 1_000

const inOrder = (a: TimedCall, b: TimedCall): number => a.time - b.time || a.line - b.line

async function writeRun(path: string, calls: AsyncIterable<TimedCall> | Iterable<TimedCall>) {
  await using file = await open(path, 'w')
  let pending: string[] = []
  for await (const call of calls) {
    pending.push(`${JSON.stringify(call)}\n`)
    if (pending.length < WRITE_CALLS) continue
    await file.appendFile(pending.join(''))
    pending = []
  }
  await file.appendFile(pending.join(''))
}

async function* readRun(path: string): AsyncGenerator<TimedCall> {
  // Our own lines, so without a limit: escapes make a call longer than the row it came from.
  for await (const lines of toLines(createReadStream(path), Number.POSITIVE_INFINITY))
    for (const line of lines) yield JSON.parse(line.bytes.toString()) as TimedCall
}

/** Merges runs by always taking the least head. Few runs, so a scan serves as well as a heap. */
async function* mergeRuns(paths: readonly string[]): AsyncGenerator<TimedCall> {
  const runs = paths.map(readRun)
  try {
    const heads = await Promise.all(runs.map(async (run) => (await run.next()).value ?? undefined))
    for (;;) {
      let least = -1
      let next: TimedCall | undefined
      heads.forEach((head, at) => {
        if (head === undefined || (next !== undefined && inOrder(next, head) < 0)) return
        least = at
        next = head
      })
      if (next === undefined) return
      yield next
      heads[least] = (await runs[least]?.next())?.value ?? undefined
    }
  } finally {
    // Closes the files of runs that were not read to their end.
    await Promise.all(runs.map((run) => run.return(undefined)))
  }
}

/** Collects calls in any order; `sorted` then gives them back in order of time. */
export class TimeSorter {
  readonly #runCalls: number
  #held: TimedCall[] = []
  #directory: string | undefined
  #files: string[] = []
  #written = 0
  /** ms since 1970 of the latest call; -Infinity without any. */
  latest = Number.NEGATIVE_INFINITY
  count = 0

  constructor(runCalls = RUN_CALLS) {
    this.#runCalls = runCalls
  }

  async add(call: TimedCall): Promise<void> {
    this.#held.push(call)
    this.count++
    if (call.time > this.latest) this.latest = call.time
    if (this.#held.length >= this.#runCalls) await this.#spill()
  }

  async *sorted(): AsyncGenerator<TimedCall> {
    if (this.#files.length === 0) {
      yield* this.#held.sort(inOrder)
      return
    }
    await this.#spill()
    while (this.#files.length > MERGE_WIDTH) {
      const some = this.#files.splice(0, MERGE_WIDTH)
      const path = await this.#newFile()
      await writeRun(path, mergeRuns(some))
      this.#files.push(path)
      await Promise.all(some.map((file) => rm(file)))
    }
    yield* mergeRuns(this.#files)
  }

  /** Removes the temporary files. */
  async dispose(): Promise<void> {
    this.#held = []
    if (this.#directory !== undefined) await rm(this.#directory, { recursive: true, force: true })
    this.#directory = undefined
    this.#files = []
  }

  async #newFile(): Promise<string> {
    this.#directory ??= await mkdtemp(join(tmpdir(), 'opportune-import-'))
    return join(this.#directory, String(this.#written++))
  }

  async #spill(): Promise<void> {
    if (this.#held.length === 0) return
    const path = await this.#newFile()
    await writeRun(path, this.#held.sort(inOrder))
    this.#files.push(path)
    this.#held = []
  }
}
