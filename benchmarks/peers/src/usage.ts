/**
 * CPU time and memory of a process group, sampled from /proc (Linux).
 *
 * U1 CPU time includes children that have ended, if their parent is in the group and waited for them.
 * U2 CPU time between two instants is read off the line through the samples around each.
 */
import { readdirSync, readFileSync } from 'node:fs'

/** Ticks of /proc a second: USER_HZ, 100 on every Linux that Node runs on. */
const TICKS_PER_SECOND = 100
const PAGE_BYTES = 4096
const EVERY_MS = 200

export interface Sample {
  /** ms since 1970. */
  readonly at: number
  readonly cpuSeconds: number
  readonly rssBytes: number
}

/** The fields of /proc/PID/stat that count here. */
export interface ProcessStat {
  readonly group: number
  readonly cpuSeconds: number
  readonly rssBytes: number
}

/** @param text of /proc/PID/stat; the command in it may hold spaces and parentheses */
export function readStat(text: string): ProcessStat {
  // Fields 3 (state) and on, after the last parenthesis of the command.
  const fields = text.slice(text.lastIndexOf(')') + 2).split(' ')
  const field = (number: number): number => Number(fields[number - 3])
  return {
    group: field(5),
    cpuSeconds: (field(14) + field(15) + field(16) + field(17)) / TICKS_PER_SECOND,
    rssBytes: field(24) * PAGE_BYTES,
  }
}

function sampleGroup(group: number): Sample {
  let cpuSeconds = 0
  let rssBytes = 0
  for (const name of readdirSync('/proc')) {
    if (!/^\d+$/.test(name)) continue
    const stat = statOf(name)
    if (stat?.group !== group) continue
    cpuSeconds += stat.cpuSeconds
    rssBytes += stat.rssBytes
  }
  return { at: Date.now(), cpuSeconds, rssBytes }
}

function statOf(pid: string): ProcessStat | undefined {
  try {
    return readStat(readFileSync(`/proc/${pid}/stat`, 'utf8'))
  } catch {
    return undefined
  }
}

export class UsageRecorder {
  readonly #samples: Sample[] = []
  readonly #timer: NodeJS.Timeout
  readonly #group: number

  constructor(group: number) {
    this.#group = group
    this.#timer = setInterval(() => this.#take(), EVERY_MS)
    this.#take()
  }

  /** Takes a last sample. Call while the group still runs. */
  stop(): readonly Sample[] {
    clearInterval(this.#timer)
    this.#take()
    return this.#samples
  }

  #take(): void {
    const sample = sampleGroup(this.#group)
    // A group that has ended has no CPU time left to read.
    if (sample.cpuSeconds >= (this.#samples.at(-1)?.cpuSeconds ?? 0)) this.#samples.push(sample)
  }
}

/** CPU seconds spent from one instant to another. */
export const cpuBetween = (samples: readonly Sample[], from: number, to: number): number =>
  cpuAt(samples, to) - cpuAt(samples, from)

function cpuAt(samples: readonly Sample[], at: number): number {
  const after = samples.findIndex((sample) => sample.at >= at)
  const next = samples[after]
  if (next === undefined) return samples.at(-1)?.cpuSeconds ?? 0
  const before = samples[after - 1]
  if (before === undefined) return next.cpuSeconds
  const share = (at - before.at) / (next.at - before.at)
  return before.cpuSeconds + share * (next.cpuSeconds - before.cpuSeconds)
}

/** The most memory resident at one time, in MB (2^20 bytes). */
export const peakMb = (samples: readonly Sample[]): number =>
  Math.round(Math.max(0, ...samples.map((sample) => sample.rssBytes)) / 2 ** 20)
