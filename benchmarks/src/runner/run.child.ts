/**
 * One run in a process of its own: its compiled code, its heap and its peak of memory are those of
 * this run and of nothing before it. The job comes as the only argument, the outcome goes to the
 * parent as a message.
 */
import { rm } from 'node:fs/promises'
import { runBare } from '../bare/index.ts'
import { runEngine } from '../engine/run.ts'
import { messageBlocks } from '../generator/messages.ts'
import { expectedResults } from '../oracles/index.ts'
import { workloadOf } from '../verification.ts'
import type { Job, Outcome, Shares } from './job.ts'
import { profileRun } from './profile.ts'

async function measured(job: Job, events: number): Promise<Omit<Outcome, 'rssPeakMb'>> {
  const { query, seed, directory, durability } = job
  if (job.kind === 'bare') {
    // Held beforehand, as the engine's log is: nothing is generated while the clock runs.
    const blocks = [...messageBlocks({ workload: workloadOf(query), events, seed })]
    return { ...runBare(query, blocks), epochs: 0 }
  }
  if (directory === undefined) return runEngine({ query, events, seed })
  await rm(directory, { recursive: true, force: true })
  return runEngine({ query, events, seed, directory, durability })
}

async function answer(job: Job): Promise<Outcome | Shares> {
  const { kind, query, events, seed } = job
  if (kind === 'oracle') {
    const expected = expectedResults([query], { events, seed }).get(query)
    if (expected === undefined) throw new Error(`assertion failed: ${query} has an oracle`)
    return { ...expected, seconds: 0, cpuSeconds: 0, epochs: 0, rssPeakMb: 0 }
  }
  if (job.warmUp > 0) await measured(job, job.warmUp)
  if (kind === 'profile') return await profileRun({ query, events, seed })
  const result = await measured(job, events)
  // Linux and macOS: kilobytes.
  return { ...result, rssPeakMb: Math.round(process.resourceUsage().maxRSS / 1_024) }
}

const [argument] = process.argv.slice(2)
process.send?.(await answer(JSON.parse(argument ?? '{}') as Job))
