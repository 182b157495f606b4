/** `opportune why`: one decision, explained from its record alone. */
import type { Command } from 'commander'
import { declare, type Session } from '../command.ts'
import { type DataOptions, sourceOptions } from '../options.ts'

export function addWhy(program: Command, session: Session): void {
  declare<DataOptions>(program, session, {
    name: 'why',
    arguments: [['<decision>', 'its id, as `opportune decisions` lists it']],
    summary: "Explain a decision: what happened, what was weighed, every guardrail's verdict.",
    description:
      "The answer comes from the decision's record alone, so that it stays the same for as long as that is kept.",
    examples: ['./bin/opportune why 6f1ed002ab5595859014ebf0951522d9'],
    options: sourceOptions(),
    async run({ options, args: [id = ''], io }) {
      const { withBackend } = await import('../backend/open.ts')
      const why = await withBackend(options, io, (backend) => backend.why(id))
      const { lines, audit } = why
      const proof =
        audit === null
          ? []
          : [`  record ${audit.seq} of the audit chain ${audit.chain}, hash ${audit.hash}`]
      return { json: why, text: `${[...lines, ...proof].join('\n')}\n` }
    },
  })
}
