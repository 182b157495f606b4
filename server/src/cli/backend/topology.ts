/** The topology, which needs no data: without a server and without a data directory it is what would run. */
import { findError } from '#engine'
import type { CliIo } from '../io.ts'
import type { DataOptions } from '../options.ts'
import { withBackend } from './open.ts'
import type { DescribedTopology } from './port.ts'

export async function topologyOf(
  options: DataOptions,
  io: Pick<CliIo, 'env' | 'now'>,
): Promise<DescribedTopology> {
  try {
    return await withBackend(options, io, (backend) => backend.topology())
  } catch (error) {
    if (findError(error)?.code !== 'log_missing') throw error
    const { DEFAULT_PARTITIONS, describedTopology } = await import('./local.ts')
    return describedTopology(DEFAULT_PARTITIONS)
  }
}
