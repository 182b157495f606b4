export { type ChangeJoinOptions, changeJoin, type Removals } from './change-join.ts'
export { type ForeignJoinOptions, foreignJoin } from './foreign-join.ts'
export type {
  Both,
  Change,
  Join,
  Joined,
  JoinOn,
  JoinOptions,
  JoinSide,
  Keep,
  LateSide,
  OnlyLeft,
  OnlyRight,
  Tagged,
} from './join.ts'
export { type Reach, sameWindow, within } from './reach.ts'
export { type StreamJoinOptions, streamJoin } from './stream-join.ts'
export { type TableJoinOptions, tableJoin } from './table-join.ts'
export { type TemporalJoinOptions, temporalJoin } from './temporal-join.ts'
