/** `opportune topology`: what runs, or would. */
import { type Command, Option } from 'commander'
import { declare, type Session } from '../command.ts'
import { type DataOptions, sourceOptions } from '../options.ts'

interface TopologyOptions extends DataOptions {
  readonly format: 'text' | 'json' | 'mermaid'
}

export function addTopology(program: Command, session: Session): void {
  declare<TopologyOptions>(program, session, {
    name: 'topology',
    summary: 'Show stages, operators and what feeds what.',
    examples: [
      './bin/opportune topology',
      './bin/opportune topology --format mermaid > topology.mmd',
    ],
    options: [
      new Option('--format <name>', 'how to print it')
        .choices(['text', 'json', 'mermaid'])
        .default('text'),
      ...sourceOptions(),
    ],
    async run({ options, io }) {
      const { topologyOf } = await import('../backend/topology.ts')
      const { data, text, mermaid } = await topologyOf(options, io)
      const texts = { text, mermaid, json: `${JSON.stringify(data, null, 2)}\n` }
      return { json: data, text: texts[options.format] }
    },
  })
}
