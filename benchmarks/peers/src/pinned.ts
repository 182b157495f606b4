/** Pins a command to cores, where that can be done. */
import { spawnSync } from 'node:child_process'
import { availableParallelism } from 'node:os'

const TASKSET = 'taskset'

/** @returns why commands are not pinned here, or undefined where they are */
export function whyNotPinned(): string | undefined {
  if (availableParallelism() < 2) return 'the machine has one core'
  return spawnSync(TASKSET, ['--version']).error === undefined ? undefined : 'no taskset here'
}

/** @param cpus as `taskset -c` takes them */
export function pinned(
  cpus: string,
  command: string,
  args: readonly string[],
): [command: string, args: readonly string[]] {
  if (whyNotPinned() !== undefined) return [command, args]
  return [TASKSET, ['-c', cpus, command, ...args]]
}
