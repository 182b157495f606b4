/** The entry of `opportune`: this process's streams and signals in, its exit code out. */
import { processIo } from './cli/io.ts'
import { runCli } from './cli/run.ts'

// `opportune decisions | head` closes the pipe early, which is no failure.
process.stdout.on('error', (error: NodeJS.ErrnoException) => {
  if (error.code === 'EPIPE') process.exit(0)
  throw error
})

process.exitCode = await runCli(process.argv.slice(2), processIo())
