/**
 * One of the engine's queries over the Kafka log, exactly once, until it is killed: the same topologies
 * as `bench ysb` and `bench nexmark` run, told by the same environment variables as every peer.
 *
 * Exit code 3: it cannot be run here, the reason is printed.
 */
import { KeyedState, OpportuneError, openKafkaLog, StateEnvironment, Worker } from '#engine'
import { ENGINE_QUERIES } from '../../src/engine/run.ts'
import { isEngineQuery } from '../../src/runner/bench.ts'

const NOT_AVAILABLE = 3

const { QUERY: query = '' } = process.env
if (isEngineQuery(query)) await run(ENGINE_QUERIES[query]())
else refuse(`the engine has no query ${query}`)

function refuse(reason: string): void {
  process.stdout.write(`NOT_AVAILABLE ${reason}\n`)
  process.exitCode = NOT_AVAILABLE
}

function need(name: string): string {
  const value = process.env[name]
  if (value === undefined || value === '') throw new Error(`${name} is not set`)
  return value
}

async function run(topology: ReturnType<(typeof ENGINE_QUERIES)['ysb']>): Promise<void> {
  const log = await openLog()
  if (log === undefined) return
  const states = new StateEnvironment({ directory: need('STATE_DIRECTORY') })
  let hasRead = false
  const worker = new Worker({
    plan: topology.build(),
    log,
    id: need('RUN'),
    build: 'bench',
    now: Date.now,
    openState: (task, slots) => {
      const backend = states.backend(task)
      return { backend, store: new KeyedState({ slots, backend }) }
    },
    // An epoch begins when its first records have been handed out.
    onStep: (step) => {
      if (hasRead || step !== 'begin') return
      hasRead = true
      process.stdout.write(`FIRST_READ ${Date.now()}\n`)
    },
  })
  await worker.start()
  await worker.run()
}

/** @returns undefined where the client for Kafka is not installed, which is then said */
async function openLog(): Promise<Awaited<ReturnType<typeof openKafkaLog>> | undefined> {
  try {
    return await openKafkaLog({
      brokers: need('BROKERS'),
      prefix: `${need('RUN')}.`,
      foreignTopics: { events: need('INPUT'), results: need('OUTPUT') },
    })
  } catch (error) {
    if (!(error instanceof OpportuneError) || error.code !== 'log_kafka_missing') throw error
    refuse('the Kafka client is not installed')
    return undefined
  }
}
