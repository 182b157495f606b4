/** What an Arrow file holds, told without its rows. */
import { tableFromIPC } from 'apache-arrow'
import { OpportuneError } from '#engine'

export interface ArrowSummary {
  readonly rows: number
  /** In the words of Arrow: `Utf8`, `Timestamp<MILLISECOND, UTC>`. */
  readonly columns: readonly { readonly name: string; readonly type: string }[]
}

/** @throws server_foreign where the bytes are not a whole Arrow file */
export function arrowSummary(file: Uint8Array): ArrowSummary {
  try {
    const { numRows, schema } = tableFromIPC(file)
    const columns = schema.fields.map(({ name, type }) => ({ name, type: String(type) }))
    return { rows: numRows, columns }
  } catch (error) {
    throw new OpportuneError('server_foreign', 'The answer is not an Arrow file.', {}, error)
  }
}
