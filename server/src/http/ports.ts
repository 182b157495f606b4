/**
 * What the HTTP side needs of the running system. The composition root implements it; tests and the
 * page's demo pass in a stand-in. A port that fails throws an OpportuneError, whose class decides the
 * status: retriable and abortable 503, refused 409, input 400, fatal 500 (problem.ts).
 */
import type {
  Applied,
  DeadLetterPage,
  Decision,
  DefinitionProblem,
  Health,
  Member,
  Profile,
  QueryResult,
  Rates,
  RedriveResult,
  Savepoint,
  Topology,
  Why,
} from './views.ts'

export interface Definitions {
  /** Relative to the directory that was applied, with forward slashes. */
  readonly path: string
  readonly text: string
}

export type ApplyAnswer =
  | ({ readonly ok: true } & Applied)
  | { readonly ok: false; readonly problems: readonly DefinitionProblem[] }

/** `behind`: the task has not reached the epoch asked for within a wait of the port's choosing. */
export type ProfileAnswer =
  | ({ readonly kind: 'found' } & Profile)
  | { readonly kind: 'unknown' }
  | { readonly kind: 'behind'; readonly epoch: number }

export interface ReadPorts {
  profile(
    customer: string,
    options: {
      readonly minEpoch: number | null
      /** How often one of our processes has passed the question on to another. */
      readonly hops: number
    },
  ): Promise<ProfileAnswer>
  /** The processes that share the log; one that has it to itself is alone. */
  members(): readonly Member[]
  decision(id: string): Promise<Decision | undefined>
  why(id: string): Promise<Why | undefined>
  /** The latest first. */
  latestDecisions(filter: {
    readonly limit: number
    readonly customer: string | null
  }): Promise<readonly Decision[]>
  topology(): { readonly data: Topology; readonly text: string; readonly mermaid: string }
  /** From memory: it is asked every second while a page is open. */
  rates(): Rates
}

export interface OperatePorts {
  /**
   * Runs SQL that may only read (the store enforces it, not this layer) and stops when `signal` does.
   * Throws `http_query_failed` with the store's message where the SQL is wrong.
   */
  query(
    sql: string,
    options: {
      readonly params: Readonly<Record<string, string | number | boolean | null>>
      readonly maxRows: number
      readonly signal: AbortSignal
    },
  ): Promise<QueryResult>
  /** The same as an Arrow file, all of it or none: there is no `maxRows`. */
  queryArrow(
    sql: string,
    options: {
      readonly params: Readonly<Record<string, string | number | boolean | null>>
      readonly signal: AbortSignal
    },
  ): Promise<Uint8Array>
  /** The latest first; `cursor` is the `next_cursor` of the page before. */
  deadLetters(filter: {
    readonly limit: number
    readonly cursor: string | null
    readonly code: string | null
  }): Promise<DeadLetterPage>
  redrive(
    what: { readonly ids: readonly string[] } | { readonly code: string; readonly limit: number },
  ): Promise<RedriveResult>
  applyDefinitions(files: readonly Definitions[]): Promise<ApplyAnswer>
  savepoint(): Promise<Savepoint>
}

export interface HttpPorts extends ReadPorts, OperatePorts {
  /**
   * Appends raw records to the topic that the router reads; resolves when they are durable. All of
   * them or, when it rejects, none that the caller may rely on: a retriable rejection is answered 503,
   * the producer repeats, and the deduplication by message id makes the repetition harmless.
   * @param receivedAt ms since 1970, the time of the append by the server's clock
   */
  ingest(records: readonly Uint8Array[], receivedAt: number): Promise<void>
  health(): Health
  metrics(): Promise<{ readonly contentType: string; readonly text: string }>
}
