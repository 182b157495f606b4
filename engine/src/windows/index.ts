export { hopping, session, tumbling } from './assigners.ts'
export type {
  Aggregate,
  CombiningAggregate,
  LateRecord,
  Window,
  WindowOptions,
  WindowResult,
} from './window.ts'
export { windowOperator } from './window-operator.ts'
