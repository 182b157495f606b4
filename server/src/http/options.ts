/** The settings of the HTTP side, with their defaults, and the combinations that are refused. */
import { isIP } from 'node:net'
import { OpportuneError } from '#engine'
import type { RateLimit } from './rate-limit.ts'

/** The part of a pino logger that is used. */
export interface HttpLogger {
  error(fields: Readonly<Record<string, unknown>>, message: string): void
  info(fields: Readonly<Record<string, unknown>>, message: string): void
}

/** One answered request, for metrics: the route's pattern, never the address with its ids. */
export interface Observation {
  readonly method: string
  readonly route: string
  readonly status: number
  readonly seconds: number
}

export interface HttpOptions {
  /** Product version, for the API description. */
  readonly version: string
  /** 0 takes any free port. */
  readonly port: number
  /** Default 127.0.0.1. */
  readonly host?: string
  readonly writeKeys: readonly string[]
  readonly operatorToken: string
  /** `off` takes events without a write key; only on loopback. Default `write-key`. */
  readonly ingestAuth?: 'write-key' | 'off'
  /**
   * `open` (default on loopback, refused elsewhere): whoever may open the page may read through it.
   * `token` (default elsewhere): it asks for the operator token. `off`: no page. Behind a reverse
   * proxy on the same machine choose `token`: its visitors look local.
   */
  readonly page?: 'open' | 'token' | 'off'
  /** Origins whose pages may send events from a browser; '*' for all. Default none. */
  readonly corsOrigins?: readonly string[]
  /** Further names of this server that a Host header may carry on loopback. */
  readonly allowedHosts?: readonly string[]
  /** For each write key; null for none. Default 1,000 requests a second, as Segment advises. */
  readonly rateLimit?: RateLimit | null
  readonly logger?: HttpLogger
  readonly observe?: (observation: Observation) => void
  readonly limits?: Partial<Limits>
  /** Wall time and a clock that never goes back, both in ms. */
  readonly clock?: { readonly now: () => number; readonly monotonic: () => number }
}

/** What keeps the server bounded. */
export interface Limits {
  /** Bytes of events on their way to the log; beyond, calls are answered 503. */
  readonly pendingBytes: number
  readonly queries: number
  readonly liveStreams: number
  readonly connections: number
  /** ms for a request to arrive whole. */
  readonly requestMs: number
  /** ms for a query to run. */
  readonly queryMs: number
  /** ms between two snapshots of the live stream. */
  readonly liveEveryMs: number
  /** ms that not being ready is shown before the door closes, for load balancers. */
  readonly drainMs: number
  /** ms that running requests are given after that. */
  readonly closeMs: number
}

const LIMITS: Limits = {
  pendingBytes: 64 * 1024 * 1024,
  queries: 4,
  liveStreams: 16,
  connections: 10_000,
  requestMs: 30_000,
  queryMs: 60_000,
  liveEveryMs: 1_000,
  drainMs: 0,
  closeMs: 10_000,
}

export interface Settings extends Required<Omit<HttpOptions, 'logger' | 'observe' | 'limits'>> {
  readonly limits: Limits
  readonly loopback: boolean
  readonly logger: HttpLogger | null
  readonly observe: (observation: Observation) => void
}

/** Reachable from this machine only: 127.0.0.0/8, ::1, localhost. */
export const isLoopback = (host: string): boolean =>
  host === 'localhost' || host === '::1' || (isIP(host) === 4 && host.startsWith('127.'))

/** @throws http_auth_needed */
export function settingsOf(options: HttpOptions): Settings {
  const host = options.host ?? '127.0.0.1'
  const loopback = isLoopback(host)
  const page = options.page ?? (loopback ? 'open' : 'token')
  const ingestAuth = options.ingestAuth ?? 'write-key'
  const open = ingestAuth === 'off' ? 'events' : page === 'open' ? 'the page' : null
  if (!loopback && open !== null)
    throw new OpportuneError('http_auth_needed', `It was asked for ${open}.`, { open })
  if (ingestAuth === 'write-key' && options.writeKeys.length === 0)
    throw new OpportuneError('http_auth_needed', 'There is no write key.')
  return {
    version: options.version,
    port: options.port,
    host,
    loopback,
    writeKeys: ingestAuth === 'off' ? [] : options.writeKeys,
    operatorToken: options.operatorToken,
    ingestAuth,
    page,
    corsOrigins: options.corsOrigins ?? [],
    allowedHosts: options.allowedHosts ?? [],
    rateLimit:
      options.rateLimit === undefined ? { perSecond: 1_000, burst: 2_000 } : options.rateLimit,
    limits: { ...LIMITS, ...options.limits },
    logger: options.logger ?? null,
    observe: options.observe ?? (() => {}),
    clock: options.clock ?? { now: () => Date.now(), monotonic: () => performance.now() },
  }
}
