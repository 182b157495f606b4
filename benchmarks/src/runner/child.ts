/**
 * One run in a process of its own: its compiled code, its heap and its peak of memory are those of
 * this run and of nothing before it. The job comes as the only argument, the outcome goes to the
 * parent as a message.
 */
import { rm } from 'node:fs/promises'
import { runBare } from '../bare/index.ts'
import { runEngine } from '../engine/run.ts'
import { messageBlocks } from '../generator/messages.ts'
import { runOracle } from '../oracles/index.ts'
import { workloadOf } from '../verification.ts'
import type { Job, Outcome } from './job.ts'

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

async function outcome(job: Job): Promise<Outcome> {
  if (job.kind === 'oracle') {
    const { rows, hash } = runOracle(job.query, job.events, job.seed)
    return { rows, hash, seconds: 0, cpuSeconds: 0, epochs: 0, rssPeakMb: 0 }
  }
  if (job.warmUp > 0) await measured(job, job.warmUp)
  const result = await measured(job, job.events)
  // Linux and macOS: kilobytes.
  return { ...result, rssPeakMb: Math.round(process.resourceUsage().maxRSS / 1_024) }
}

const [argument] = process.argv.slice(2)
process.send?.(await outcome(JSON.parse(argument ?? '{}') as Job))
