/**
 * Analytics of a process that has no duties: loading is another's, and two loaders must not share a
 * database. Queries are refused with the address of the process that answers them.
 */
import { OpportuneError } from '#engine'
import type { Analytics } from '#sinks'
import type { Members } from './members.ts'

/** @param members null: not known yet */
export function analyticsElsewhere(members: () => Members | null): Analytics {
  const refuse = async (): Promise<never> => {
    const url = members()
      ?.all()
      .find((member) => member.duties)?.url
    throw new OpportuneError(
      'duties_elsewhere',
      url === undefined ? 'No process with duties is known.' : `It is at ${url}.`,
      url === undefined ? {} : { url },
    )
  }
  return {
    query: refuse,
    arrow: refuse,
    lag: () => null,
    health: () => ({ state: 'stopped', reason: null, restarts: 0, loading: null }),
    async ready() {},
    async flush() {},
    async stop() {},
  }
}
