/**
 * Table with table by foreign key: each row of the left side names the row of the right side that it
 * belongs to, and many may name the same. What comes out is a table of the left side's rows.
 *
 * Both sides are keyed by what the left row names, so that a change on either side is one step: of the
 * left one row comes out, of the right every row that names it. A left row must go on naming the same
 * right row; to move it, remove it under the old key before it is put under the new one.
 *
 * State is the right row and the left rows that name it, for as long as there are any. Each change of a
 * left row costs the number of its siblings in copying.
 *
 * Failure: a key with more than `maxPerKey` left rows refuses further ones (join_overflow): dead letters.
 */
import type { Context, Operator } from '../operator.ts'
import { type ChangeJoinOutputs, joinedRow, type Removals, type Rows } from './change-join.ts'
import { type Nested, nested, nullable, stateCodec } from './codecs.ts'
import type { Join, JoinCodecs, JoinOptions, Tagged } from './join.ts'
import { checkLimit, mergeOf, overflow } from './join.ts'

export interface ForeignJoinOptions<K extends 'inner' | 'left', L, R> extends JoinOptions {
  readonly keep: K
  /** The left row's own key: what the joined row is known by. */
  readonly primary: (row: L) => string
  readonly removes?: Removals<L, R>
  /** Left rows that may name one right row; default 10,000. */
  readonly maxPerKey?: number
}

interface NamedRow<L> {
  readonly key: string
  readonly row: L
}

export interface ForeignJoinState<L, R> {
  readonly right: R | null
  /** In the order of their keys. */
  readonly left: readonly NamedRow<L>[]
}

const DEFAULT_LIMIT = 10_000
const EMPTY: ForeignJoinState<never, never> = { right: null, left: [] }

/**
 * @example
 * auctions.join('auctions-of-sellers', people, on, foreignJoin({ keep: 'inner', primary: (a: Auction) => a.id }))
 * @throws join_invalid
 */
export function foreignJoin<K extends 'inner' | 'left', A, B = unknown>(
  options: ForeignJoinOptions<K, A, B>,
): <L extends A, R extends B>(
  id: string,
  codecs: JoinCodecs<L, R>,
) => ReturnType<Join<L, R, ForeignJoinState<L, R>, ChangeJoinOutputs<L, R, K>>> {
  checkLimit(options.maxPerKey ?? DEFAULT_LIMIT)
  return <L extends A, R extends B>(id: string, codecs: JoinCodecs<L, R>) => ({
    operator: foreignJoinOperator<L, R, K>(id, codecs, options),
    words: `${options.keep} join of two tables by foreign key`,
  })
}

function foreignJoinOperator<L, R, K extends 'inner' | 'left'>(
  id: string,
  codecs: JoinCodecs<L, R>,
  options: ForeignJoinOptions<K, L, R>,
): Operator<Tagged<L, R>, ForeignJoinState<L, R>, ChangeJoinOutputs<L, R, K>> {
  type JoinContext = Context<ForeignJoinState<L, R>, ChangeJoinOutputs<L, R, K>>
  const { keep, removes = {}, maxPerKey = DEFAULT_LIMIT } = options

  const tell = (
    key: string,
    rows: readonly [before: Rows<L, R>, after: Rows<L, R>],
    cx: JoinContext,
  ) => {
    const row = joinedRow(rows[1], keep)
    if (row !== null || joinedRow(rows[0], keep) !== null) cx.emit('out', { key, row } as never)
  }
  const keepState = (state: ForeignJoinState<L, R>, cx: JoinContext) => {
    if (state.right === null && state.left.length === 0) cx.clear()
    else cx.set(state)
  }
  const takeLeft = (value: L, cx: JoinContext) => {
    const { right, left } = cx.get()
    const key = options.primary(value)
    const index = indexOf(left, key)
    const known = left[index]?.key === key ? (left[index] as NamedRow<L>).row : null
    const row = removes.left?.(value) === true ? null : value
    if (known === null && row === null) return
    if (known === null && left.length >= maxPerKey) throw overflow(id, 'left', maxPerKey)
    const added = row === null ? [] : [{ key, row }]
    keepState({ right, left: left.toSpliced(index, known === null ? 0 : 1, ...added) }, cx)
    tell(
      key,
      [
        { left: known, right },
        { left: row, right },
      ],
      cx,
    )
  }
  const takeRight = (value: R, cx: JoinContext) => {
    const before = cx.get()
    const right = removes.right?.(value) === true ? null : value
    keepState({ right, left: before.left }, cx)
    for (const { key, row } of before.left)
      tell(
        key,
        [
          { left: row, right: before.right },
          { left: row, right },
        ],
        cx,
      )
  }
  return {
    id,
    state: {
      version: options.version ?? 1,
      initial: EMPTY,
      codec: stateCodec(
        `foreign-join(${codecs.left.name},${codecs.right.name})`,
        stateBody(codecs),
      ),
    },
    outputs: { out: {} },
    onRecord(tagged, cx) {
      if (tagged.side === 'left') takeLeft(tagged.value, cx)
      else takeRight(tagged.value, cx)
    },
    ...mergeOf(options),
  }
}

function stateBody<L, R>(codecs: JoinCodecs<L, R>): Nested<ForeignJoinState<L, R>> {
  const right = nullable(codecs.right)
  const row = nested(codecs.left)
  return {
    write(state, out) {
      right.write(state.right, out)
      out.varint(state.left.length)
      for (const named of state.left) {
        out.text(named.key)
        row.write(named.row, out)
      }
    },
    read(reader) {
      const found = right.read(reader)
      const left: NamedRow<L>[] = []
      for (let more = reader.varint(); more > 0; more--)
        left.push({ key: reader.text(), row: row.read(reader) })
      return { right: found, left }
    },
  }
}

/** Where the row of that key stands, or belongs. */
function indexOf<L>(rows: readonly NamedRow<L>[], key: string): number {
  let low = 0
  let high = rows.length
  while (low < high) {
    const middle = (low + high) >>> 1
    if ((rows[middle] as NamedRow<L>).key < key) low = middle + 1
    else high = middle
  }
  return low
}
