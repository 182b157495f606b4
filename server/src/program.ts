/**
 * The command line as data: every command with its options, help and examples. Making it loads no
 * layer; a command loads what it needs when it runs, so that `--help` and `--version` are quick.
 */
import { Command } from 'commander'
import { examplesOf, Session } from './cli/command.ts'
import { addApply } from './cli/commands/apply.ts'
import { addAudit } from './cli/commands/audit.ts'
import { addBench } from './cli/commands/bench.ts'
import { addChaos } from './cli/commands/chaos.ts'
import { addDecisions } from './cli/commands/decisions.ts'
import { addDlq } from './cli/commands/dlq.ts'
import { addDoctor } from './cli/commands/doctor.ts'
import { addProfile } from './cli/commands/profile.ts'
import { addQuery } from './cli/commands/query.ts'
import { addReplay } from './cli/commands/replay.ts'
import { addRestore } from './cli/commands/restore.ts'
import { addRun } from './cli/commands/run.ts'
import { addSavepoint } from './cli/commands/savepoint.ts'
import { addStart } from './cli/commands/start.ts'
import { addTopology } from './cli/commands/topology.ts'
import { addTrain } from './cli/commands/train.ts'
import { addWhy } from './cli/commands/why.ts'
import { processIo } from './cli/io.ts'
import { packageVersion } from './cli/version.ts'

const EXAMPLES = [
  './bin/opportune start',
  './bin/opportune replay events.ndjson --format ndjson --json',
  './bin/opportune decisions --limit 5',
  './bin/opportune doctor',
]

export function createProgram(session = new Session(processIo())): Command {
  const { io } = session
  const program = new Command('opportune')
    .description(
      'A decision engine in the stream: one message at the right moment, or none, and proof of why.',
    )
    .version(packageVersion(), '--version', 'print the version')
    .exitOverride()
    .configureOutput({
      writeOut: (text) => io.out.write(text),
      writeErr: (text) => io.err.write(text),
      getOutHelpWidth: () => Math.min(io.out.columns, 100),
      getErrHelpWidth: () => Math.min(io.err.columns, 100),
      // Told in the way of all failures, by whoever runs the program (run.ts).
      outputError: () => {},
    })
    .showSuggestionAfterError()
    .addHelpText(
      'after',
      `${examplesOf(EXAMPLES)}

Exit codes: 0 done, 1 failed, 2 bad input or usage. With --json results and errors are one line of JSON.`,
    )
  for (const add of [
    addStart,
    addRun,
    addApply,
    addReplay,
    addSavepoint,
    addRestore,
    addTopology,
    addDecisions,
    addWhy,
    addProfile,
    addQuery,
    addDlq,
    addAudit,
    addTrain,
    addBench,
    addChaos,
    addDoctor,
  ])
    add(program, session)
  return program
}
