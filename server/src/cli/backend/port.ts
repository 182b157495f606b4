/**
 * What commands ask of the product, wherever the answer comes from: a running server over HTTP, or the
 * data directory itself where none runs. One conformance suite holds both to the same answers and the
 * same error codes.
 *
 * Names and shapes are those of the API (http/views.ts): a machine reads the same JSON either way.
 */
import type { Decision } from '#operators'
import type { ApplyAnswer, Definitions } from '../../http/ports.ts'
import type {
  DeadLetterPage,
  Profile,
  QueryResult,
  RedriveResult,
  Savepoint,
  Topology,
} from '../../http/views.ts'

export interface Explanation {
  readonly decision: Decision
  /** The decision in sentences, from its record alone. */
  readonly lines: readonly string[]
  /** Where its record stands in the audit chain. */
  readonly audit: { readonly chain: string; readonly seq: number; readonly hash: string } | null
}

export interface DescribedTopology {
  readonly data: Topology
  readonly text: string
  readonly mermaid: string
}

export interface DeadLetterFilter {
  readonly limit: number
  /** The `next_cursor` of the page before. */
  readonly cursor: string | null
  readonly code: string | null
}

export type RedriveWhat =
  | { readonly ids: readonly string[] }
  | { readonly code: string; readonly limit: number }

export interface QueryRequest {
  readonly sql: string
  /** Values for {name:Type} in the SQL. */
  readonly params: Readonly<Record<string, string>>
  readonly maxRows: number
}

export interface Backend {
  /** For people: what answered. */
  readonly where: string
  /** @throws http_customer_unknown */
  profile(customer: string): Promise<Profile>
  /** @throws http_decision_unknown */
  why(decision: string): Promise<Explanation>
  /** The latest first. */
  decisions(filter: {
    readonly limit: number
    readonly customer: string | null
  }): Promise<readonly Decision[]>
  topology(): Promise<DescribedTopology>
  /** @throws analytics_*, http_query_failed */
  query(request: QueryRequest): Promise<QueryResult>
  /** The whole answer as an Arrow file. @throws analytics_*, http_query_failed */
  queryArrow(request: Omit<QueryRequest, 'maxRows'>): Promise<Uint8Array>
  /** The latest first. */
  deadLetters(filter: DeadLetterFilter): Promise<DeadLetterPage>
  redrive(what: RedriveWhat): Promise<RedriveResult>
  applyDefinitions(files: readonly Definitions[]): Promise<ApplyAnswer>
  /** @param out a file of this machine; null: where the data directory keeps them */
  savepoint(out: string | null): Promise<Savepoint>
  close(): Promise<void>
}
