/**
 * When and how a worker's tasks are saved to its disk.
 *
 * A checkpoint says from where on the changelog has to be read after it. That offset must not lie
 * behind what a later owner of the partition wrote, and a worker that was cut off does not know that
 * there is one. So the end of the changelog is looked at after a checkpoint and used by the next one,
 * once a commit has proven that the partition was still ours (`Running.seen`, `Running.covered`).
 */
import { assert } from '../errors.ts'
import type { Millis } from '../time.ts'
import { changelogEnd, type Running } from './running.ts'
import { encodeWhole } from './task-state.ts'
import type { WorkerOptions } from './worker.ts'

type Options = Pick<WorkerOptions, 'plan' | 'log' | 'checkpointEveryMs' | 'onStep'>

export class Checkpoints {
  readonly #options: Options
  readonly #fail: (error: unknown) => void

  /** @param fail hears what a checkpoint in the background died of */
  constructor(options: Options, fail: (error: unknown) => void) {
    this.#options = options
    this.#fail = fail
  }

  /** Begins those that are due; waits only for one that the stream has run away from. */
  async begin(all: Iterable<Running>, wall: Millis): Promise<void> {
    const every = this.#options.checkpointEveryMs ?? 10_000
    for (const running of all) {
      if (running.state === null) continue
      if (running.checkpointing !== null) {
        if (running.state.store.checkpointBehind) await running.checkpointing.catch(() => {})
        continue
      }
      if (!running.state.store.checkpointDue && wall - running.checkpointedAt < every) continue
      running.checkpointedAt = wall
      running.checkpointing = this.#save(running).finally(() => {
        running.checkpointing = null
      })
      running.checkpointing.catch(this.#fail)
    }
  }

  /** A checkpoint of everything committed, finished before it returns. */
  async take(running: Running): Promise<void> {
    if (running.state === null) return
    await running.checkpointing?.catch(() => {})
    await this.#save(running)
  }

  async #save(running: Running): Promise<void> {
    const { task, state, layout, covered } = running
    assert(state !== null, 'the task has state')
    const { epoch } = task.committed
    const note = { epoch, changelogOffset: covered, layout, task: encodeWhole(task.committed) }
    this.#options.onStep?.('checkpoint')
    await state.store.checkpoint(note)
    this.#options.onStep?.('checkpointed')
    running.seen = await changelogEnd(task, this.#options)
  }
}
