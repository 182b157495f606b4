/** `opportune profile`: one customer, as the engine sees them. */
import { type Command, Option } from 'commander'
import { declare, type Session } from '../command.ts'
import { type DataOptions, sourceOptions } from '../options.ts'
import { profileText } from '../render/profile.ts'

interface ProfileOptions extends DataOptions {
  readonly verbose?: true
}

export function addProfile(program: Command, session: Session): void {
  declare<ProfileOptions>(program, session, {
    name: 'profile',
    arguments: [['<customer>', 'a user id or an anonymous id; u:ID and a:ID say which']],
    summary: "Show one customer's profile.",
    examples: ['./bin/opportune profile 13089', './bin/opportune profile u:13089 --verbose'],
    options: [
      new Option('--verbose', 'say what each field means, and show those that are not known'),
      ...sourceOptions(),
    ],
    async run({ options, args: [customer = ''], io }) {
      const { withBackend } = await import('../backend/open.ts')
      const profile = await withBackend(options, io, (backend) => backend.profile(customer))
      const { fieldDescriptions } = await import('../backend/profile-fields.ts')
      const style = { verbose: options.verbose === true, descriptions: fieldDescriptions() }
      return { json: profile, text: profileText(profile, style) }
    },
  })
}
