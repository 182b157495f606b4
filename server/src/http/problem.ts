/**
 * Errors as answers: problem+json (RFC 9457) with Opportune's stable code. Nothing in it repeats what
 * the client sent. An error without a code of ours is a bug: the client learns that and a request id,
 * the log gets its place (log.ts).
 */
import Type from 'typebox'
import { ERRORS, type ErrorClass, type ErrorCode, findError, OpportuneError } from '#engine'
import type { Answer } from './route.ts'

export const Problem = Type.Object(
  {
    type: Type.String({ description: 'Where the code is explained.' }),
    title: Type.String({ description: 'What the code means; the same for every occurrence.' }),
    status: Type.Integer(),
    detail: Type.String({ description: 'What happened here and what to do.' }),
    code: Type.String({ description: 'Stable: programs go by this.' }),
    request_id: Type.String(),
    success: Type.Optional(Type.Literal(false, { description: 'Tracking calls only.' })),
    message: Type.Optional(Type.String({ description: 'Tracking calls only: the detail.' })),
  },
  { additionalProperties: true },
)

type HttpCode = Extract<ErrorCode, `http_${string}`>

const STATUS: Readonly<Record<HttpCode, number>> = {
  http_malformed_json: 400,
  http_malformed_batch: 400,
  http_body_too_large: 413,
  http_batch_too_long: 413,
  http_body_corrupt: 400,
  http_encoding: 415,
  http_content_type: 415,
  http_not_a_cloudevent: 400,
  http_invalid_request: 400,
  http_bad_request: 400,
  http_not_found: 404,
  http_method: 405,
  http_customer_unknown: 404,
  http_decision_unknown: 404,
  http_unauthorized: 401,
  http_forbidden: 403,
  http_origin: 403,
  http_host: 421,
  http_rate_limited: 429,
  http_overloaded: 503,
  http_closing: 503,
  http_timeout: 503,
  http_epoch_behind: 503,
  http_query_failed: 400,
  http_internal: 500,
  http_auth_needed: 500,
  http_port_in_use: 500,
  http_address: 500,
}

const CLASS_STATUS: Readonly<Record<ErrorClass, number>> = {
  input: 400,
  retriable: 503,
  abortable: 503,
  fatal: 500,
  refused: 409,
}

/** A full disk is the operator's to free: worth another try, though not at once. Seconds. */
const LATER: ReadonlyMap<ErrorCode, number> = new Map<ErrorCode, number>([['log_full', 30]])

const isHttpCode = (code: ErrorCode): code is HttpCode => Object.hasOwn(STATUS, code)

function statusOf(code: ErrorCode): number {
  if (isHttpCode(code)) return STATUS[code]
  if (code === 'definitions_refused') return 422
  return LATER.has(code) ? 503 : CLASS_STATUS[ERRORS[code].class]
}

/** An error of ours for whatever was thrown; what we do not know becomes http_internal. */
export function known(error: unknown): OpportuneError {
  return findError(error) ?? new OpportuneError('http_internal', 'It is in the log.', {}, error)
}

export interface ProblemContext {
  readonly requestId: string
  /** Segment's libraries know 400 for sizes, and read `success` and `message`. */
  readonly tracking: boolean
}

export function problemAnswer(
  error: OpportuneError,
  context: ProblemContext,
  more: Readonly<Record<string, unknown>> = {},
): Answer {
  const status = context.tracking && statusOf(error.code) === 413 ? 400 : statusOf(error.code)
  const detail = error.message.slice(error.code.length + 1).trim()
  const retryAfter = error.details['retry_after_s'] ?? LATER.get(error.code) ?? 1
  return {
    status,
    headers: {
      ...(status === 503 || status === 429 ? { 'retry-after': String(retryAfter) } : {}),
      // The browser SDK of Segment reads this one.
      ...(status === 429 ? { 'x-ratelimit-reset': String(retryAfter) } : {}),
      ...(status === 401
        ? { 'www-authenticate': context.tracking ? 'Basic realm="write key"' : 'Bearer' }
        : {}),
    },
    type: 'application/problem+json',
    body: JSON.stringify({
      type: `/docs/errors.md#${error.code}`,
      title: ERRORS[error.code].means,
      status,
      detail,
      code: error.code,
      request_id: context.requestId,
      ...(context.tracking ? { success: false, message: detail } : {}),
      ...more,
    }),
  }
}
