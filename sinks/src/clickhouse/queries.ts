/** Answering people's queries: as many at once as there are readers, a bounded number waiting. */
import { OpportuneError } from '#engine'
import type { Answer, Reader } from './connect.ts'
import { checkStatement } from './statement.ts'

const MAX_WAITING = 32

export class QueryDesk {
  readonly #free: Reader[]
  readonly #waiting: ((reader: Reader) => void)[] = []

  constructor(readers: readonly Reader[]) {
    this.#free = [...readers]
  }

  /** @throws analytics_query_refused, analytics_query_failed, analytics_unavailable */
  ask(sql: string, params: Readonly<Record<string, unknown>>): Promise<Answer> {
    return this.#read(sql, (reader, statement) => reader.ask(statement, params))
  }

  /** @throws as `ask` does */
  arrow(sql: string, params: Readonly<Record<string, unknown>>): Promise<Uint8Array> {
    return this.#read(sql, (reader, statement) => reader.arrow(statement, params))
  }

  async #read<T>(sql: string, use: (reader: Reader, statement: string) => Promise<T>): Promise<T> {
    const statement = checkStatement(sql)
    const reader = await this.#take()
    try {
      return await use(reader, statement)
    } catch (error) {
      throw new OpportuneError('analytics_query_failed', reasonOf(error), {}, error)
    } finally {
      this.#giveBack(reader)
    }
  }

  async #take(): Promise<Reader> {
    const reader = this.#free.pop()
    if (reader !== undefined) return reader
    if (this.#waiting.length >= MAX_WAITING)
      throw new OpportuneError('analytics_unavailable', 'Too many queries wait already.')
    return new Promise((resolve) => this.#waiting.push(resolve))
  }

  #giveBack(reader: Reader): void {
    const next = this.#waiting.shift()
    if (next === undefined) this.#free.push(reader)
    else next(reader)
  }
}

/** ClickHouse's own words: they speak of the query that the caller wrote. */
function reasonOf(error: unknown): string {
  const text = error instanceof Error ? error.message : String(error)
  const line = text.split('\n', 1)[0] ?? ''
  return `ClickHouse: ${line.slice(0, 500)}`
}
