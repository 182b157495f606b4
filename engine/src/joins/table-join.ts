/**
 * Stream with table: each record of the left side meets the row that its key has at that moment of the
 * inbox. The row is the last record of the right side; `removes` says which of them delete it.
 *
 * The inbox order decides, so nothing is late, waited for or taken back. State is one row a key, for as
 * long as there is one; with `ttl` a timer, `forget`, ends it that long after the time of its last change.
 */
import type { Operator, Output } from '../operator.ts'
import type { Millis } from '../time.ts'
import type { Join, JoinCodecs, Joined, JoinOptions, Tagged } from './join.ts'
import { checkSpan, mergeOf } from './join.ts'

export interface TableJoinOptions<K extends 'inner' | 'left', R> extends JoinOptions {
  /** `left`: records without a row come out with null beside them. */
  readonly keep: K
  readonly removes?: (row: R) => boolean
  /** How long after its last change a row is forgotten; default: never. */
  readonly ttl?: Millis
}

export type TableJoinOutputs<L, R, K extends 'inner' | 'left'> = {
  readonly out: Output<Joined<L, R, K>>
}

/**
 * @example
 * orders.join('orders-with-customer', customers, on, tableJoin({ keep: 'left' }))
 * @throws join_invalid
 */
export function tableJoin<K extends 'inner' | 'left', Row = unknown>(
  options: TableJoinOptions<K, Row>,
): <L, R extends Row>(
  id: string,
  codecs: JoinCodecs<L, R>,
) => ReturnType<Join<L, R, R | null, TableJoinOutputs<L, R, K>>> {
  if (options.ttl !== undefined) checkSpan('ttl', options.ttl)
  return <L, R extends Row>(id: string, codecs: JoinCodecs<L, R>) => ({
    operator: tableJoinOperator<L, R, K>(id, codecs, options),
    words: `${options.keep} join with a table`,
  })
}

function tableJoinOperator<L, R, K extends 'inner' | 'left'>(
  id: string,
  codecs: JoinCodecs<L, R>,
  options: TableJoinOptions<K, R>,
): Operator<Tagged<L, R>, R | null, TableJoinOutputs<L, R, K>> {
  const { keep, removes, ttl } = options
  return {
    id,
    state: {
      version: options.version ?? 1,
      initial: null,
      // A row that is gone is cleared, not stored.
      codec: codecs.right as never,
    },
    outputs: { out: {} },
    onRecord(tagged, cx) {
      if (tagged.side === 'right') {
        if (removes?.(tagged.value) === true) cx.clear()
        else {
          cx.set(tagged.value)
          // By the row's own time: task time may not have begun.
          if (ttl !== undefined) cx.setTimer('forget', Math.max(cx.time, cx.now) + ttl)
        }
        return
      }
      const row = cx.get()
      if (row !== null) cx.emit('out', { left: tagged.value, right: row } as never)
      else if (keep === 'left') cx.emit('out', { left: tagged.value, right: null } as never)
    },
    onTimer: (_name, cx) => cx.clear(),
    ...mergeOf(options),
  }
}
