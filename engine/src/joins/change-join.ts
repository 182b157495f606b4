/**
 * Table with table of the same key: what comes out is a table again, change by change. Whichever side
 * changes, the joined row is put out anew; where there is none any more, a change with `row: null` is.
 *
 * The inbox order decides what is newest; nothing is late. State is both rows, for as long as there is one.
 */
import type { Operator, Output } from '../operator.ts'
import { nullable, stateCodec } from './codecs.ts'
import type { Change, Join, JoinCodecs, Joined, JoinOptions, Keep, Tagged } from './join.ts'
import { mergeOf } from './join.ts'

/** Which records of the sides delete their row instead of replacing it. */
export interface Removals<L, R> {
  readonly left?: (row: L) => boolean
  readonly right?: (row: R) => boolean
}

export interface ChangeJoinOptions<K extends Keep, L, R> extends JoinOptions {
  readonly keep: K
  readonly removes?: Removals<L, R>
}

export interface Rows<L, R> {
  readonly left: L | null
  readonly right: R | null
}

export type ChangeJoinOutputs<L, R, K extends Keep> = {
  readonly out: Output<Change<Joined<L, R, K>>>
}

const EMPTY: Rows<never, never> = { left: null, right: null }

/**
 * @example
 * profiles.join('profiles-with-scores', scores, on, changeJoin({ keep: 'left' }))
 */
export function changeJoin<K extends Keep, A = unknown, B = unknown>(
  options: ChangeJoinOptions<K, A, B>,
): <L extends A, R extends B>(
  id: string,
  codecs: JoinCodecs<L, R>,
) => ReturnType<Join<L, R, Rows<L, R>, ChangeJoinOutputs<L, R, K>>> {
  return <L extends A, R extends B>(id: string, codecs: JoinCodecs<L, R>) => ({
    operator: changeJoinOperator<L, R, K>(id, codecs, options),
    words: `${options.keep} join of two tables`,
  })
}

function changeJoinOperator<L, R, K extends Keep>(
  id: string,
  codecs: JoinCodecs<L, R>,
  options: ChangeJoinOptions<K, L, R>,
): Operator<Tagged<L, R>, Rows<L, R>, ChangeJoinOutputs<L, R, K>> {
  const { keep, removes = {} } = options
  const left = nullable(codecs.left)
  const right = nullable(codecs.right)
  return {
    id,
    state: {
      version: options.version ?? 1,
      initial: EMPTY,
      codec: stateCodec(`change-join(${codecs.left.name},${codecs.right.name})`, {
        write(rows: Rows<L, R>, out) {
          left.write(rows.left, out)
          right.write(rows.right, out)
        },
        read: (reader) => ({ left: left.read(reader), right: right.read(reader) }),
      }),
    },
    outputs: { out: {} },
    onRecord(tagged, cx) {
      const before = cx.get()
      const after: Rows<L, R> =
        tagged.side === 'left'
          ? {
              left: removes.left?.(tagged.value) === true ? null : tagged.value,
              right: before.right,
            }
          : {
              left: before.left,
              right: removes.right?.(tagged.value) === true ? null : tagged.value,
            }
      if (after.left === null && after.right === null) cx.clear()
      else cx.set(after)
      const row = joinedRow(after, keep)
      if (row !== null || joinedRow(before, keep) !== null)
        cx.emit('out', { key: cx.key, row } as never)
    },
    ...mergeOf(options),
  }
}

/** The joined row of two, or null where `keep` wants none. */
export function joinedRow<L, R>(rows: Rows<L, R>, keep: Keep): Rows<L, R> | null {
  if (rows.left === null) return keep === 'outer' && rows.right !== null ? rows : null
  return rows.right !== null || keep !== 'inner' ? rows : null
}
