/**
 * `npm run bench:peers`: measures Opportune beside other stream processors on one Kafka broker of its
 * own, and writes the table. Progress goes to standard error. Whatever happens, every process it
 * started is ended and every file it made, but the table, is removed.
 *
 * Exit codes: 0 the table is written; 1 it could not be; 2 wrong options.
 */
import { rmSync, writeFileSync } from 'node:fs'
import { cpus } from 'node:os'
import { isAbsolute, join } from 'node:path'
import { benchPeers } from './src/bench.ts'
import { type PeerOptions, readOptions, USAGE, UsageError } from './src/options.ts'
import { whyNotPinned } from './src/pinned.ts'
import { dataDirectory, PROJECT } from './src/places.ts'
import { Processes } from './src/processes.ts'
import { markdown, type Setting } from './src/report.ts'

const args = process.argv.slice(2)
if (args.includes('--help')) process.stdout.write(USAGE)
else process.exitCode = await main()

async function main(): Promise<number> {
  const options = optionsOrUsage()
  if (options === undefined) return 2
  const processes = new Processes()
  const directory = dataDirectory(Math.max(...options.events))
  const clean = (): void => {
    processes.endAll()
    rmSync(directory, { recursive: true, force: true, maxRetries: 3 })
  }
  for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const)
    process.once(signal, () => {
      clean()
      process.exit(1)
    })
  try {
    const say = (line: string): void => void process.stderr.write(`${line}\n`)
    const sizes = await benchPeers(options, { processes, directory, say })
    const file = isAbsolute(options.out) ? options.out : join(PROJECT, options.out)
    writeFileSync(file, markdown(settingOf(options), sizes))
    say(`written: ${options.out}`)
    return 0
  } catch (error) {
    process.stderr.write(
      `not measured: ${error instanceof Error ? error.message : String(error)}\n`,
    )
    return 1
  } finally {
    clean()
  }
}

function optionsOrUsage(): PeerOptions | undefined {
  try {
    return readOptions(args)
  } catch (error) {
    if (!(error instanceof UsageError)) throw error
    process.stderr.write(`${error.message}\n\n${USAGE}`)
    return undefined
  }
}

function settingOf(options: PeerOptions): Setting {
  const [cpu] = cpus()
  const why = whyNotPinned()
  return {
    command: ['npm run bench:peers', ...(args.length > 0 ? ['--', ...args] : [])].join(' '),
    date: new Date().toISOString().slice(0, 10),
    machine: `${cpus().length} x ${cpu?.model ?? 'unknown'}`,
    versions: [`Node ${process.version}`, 'Kafka 4.3.1'],
    cores:
      why === undefined
        ? `broker on core ${options.brokerCpus}, engine on core ${options.engineCpus}`
        : `not pinned to cores: ${why}`,
    runs: options.runs,
    commitMs: options.commitMs,
    seed: options.seed,
  }
}
