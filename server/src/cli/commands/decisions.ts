/** `opportune decisions`: the latest ones. */
import { type Command, Option } from 'commander'
import { declare, type Session } from '../command.ts'
import { type DataOptions, integer, sourceOptions } from '../options.ts'
import { table, time } from '../text.ts'

interface DecisionsOptions extends DataOptions {
  readonly customer?: string
  readonly limit: number
}

/** What the API gives at once. */
const MOST = 200

export function addDecisions(program: Command, session: Session): void {
  declare<DecisionsOptions>(program, session, {
    name: 'decisions',
    summary: 'List the latest decisions, newest first.',
    examples: [
      './bin/opportune decisions --limit 5',
      './bin/opportune decisions --customer 13089 --json',
    ],
    options: [
      new Option('--customer <id>', 'only those about this customer'),
      new Option('--limit <number>', 'how many').argParser(integer(1, MOST)).default(20),
      ...sourceOptions(),
    ],
    async run({ options, io }) {
      const { withBackend } = await import('../backend/open.ts')
      const { limit, customer = null } = options
      const decisions = await withBackend(options, io, (b) => b.decisions({ limit, customer }))
      const rows = decisions.map((d) => [
        time(d.timestamp),
        d.action,
        d.reason,
        d.trigger.kind,
        d.customer_id,
        d.chosen === null ? '-' : `${d.chosen.campaign}/${d.chosen.channel}`,
        d.decision_id,
      ])
      const names = ['time', 'outcome', 'reason', 'trigger', 'customer', 'campaign', 'decision']
      const columns = names.map((name) => (name === 'customer' ? { name, most: 24 } : { name }))
      const text = rows.length === 0 ? 'no decisions\n' : table(columns, rows)
      return { json: { decisions }, text }
    },
  })
}
