/** The store of a stage without keyed operators: nothing in it, nothing due. */
import { assert } from '../errors.ts'
import type { KeyEntry, KeyedStore } from '../state/port.ts'
import { END } from '../time.ts'

const none = (): never => {
  assert(false, 'a stage without keyed operators has no state')
}
const nothing = (): void => {}

export const statelessStore = (): KeyedStore => ({
  entry: (): KeyEntry => none(),
  setNow: nothing,
  get: none,
  set: none,
  clear: none,
  setTimer: none,
  cancelTimer: none,
  timerDue: none,
  timers: none,
  dueOf: () => undefined,
  nextDue: () => undefined,
  earliestDue: () => END,
  takeLink: none,
  beginRecord: nothing,
  keepRecord: nothing,
  dropRecord: nothing,
  sealEpoch: (epoch) => ({ epoch, changes: [], bytes: 0 }),
  promote: nothing,
  abort: nothing,
  committed: () => undefined,
  *scan() {},
  *stored() {},
  checkpointDue: false,
  checkpoint: () => Promise.resolve(),
  stats: {
    cachedKeys: 0,
    cachedBytes: 0,
    cacheHits: 0,
    cacheMisses: 0,
    dirtyBytes: 0,
    openIterators: 0,
    pendingTimers: 0,
  },
  close: () => Promise.resolve(),
})
