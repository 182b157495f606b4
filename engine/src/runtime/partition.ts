import { KEY_GROUPS } from '../hash.ts'

/** The partition that holds a key group: contiguous ranges, so that groups move as blocks. */
export const partitionOf = (group: number, partitions: number): number =>
  Math.floor((group * partitions) / KEY_GROUPS)
