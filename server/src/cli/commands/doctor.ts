/** `opportune doctor`: what this machine lacks, what that costs, how to add it. */
import { type Command, Option } from 'commander'
import { declare, type Session } from '../command.ts'
import { dataOption, integer } from '../options.ts'

interface DoctorOptions {
  readonly data: string
  readonly port: number
  readonly host: string
}

export function addDoctor(program: Command, session: Session): void {
  declare<DoctorOptions>(program, session, {
    name: 'doctor',
    summary: 'Check this machine: what is missing, what that costs, how to add it.',
    description: 'Exit code 0 if nothing that is required is missing, else 1.',
    examples: ['./bin/opportune doctor', './bin/opportune doctor --data /srv/opportune --json'],
    options: [
      dataOption(),
      new Option('--port <number>', 'the port that the server would use')
        .argParser(integer(0, 65_535))
        .default(8080),
      new Option('--host <address>', 'the address that it would listen on').default('127.0.0.1'),
    ],
    async run({ options, io, progress }) {
      const { examine } = await import('../../doctor/examine.ts')
      const { reportText } = await import('../../doctor/report.ts')
      const { data: directory, port, host } = options
      const clickhouseUrl = io.env['OPPORTUNE_CLICKHOUSE_URL']
      const report = await examine(
        { directory, port, host, ...(clickhouseUrl === undefined ? {} : { clickhouseUrl }) },
        (done, total) => progress({ label: 'looking', done, total }),
      )
      return { json: report, text: reportText(report), exitCode: report.ok ? 0 : 1 }
    },
  })
}
