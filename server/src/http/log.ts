/**
 * The log of failures. Its lines are built from a closed list of facts, none of which a client can
 * fill with personal data: the route's pattern instead of the address, the error's code and place
 * instead of its message. Requests that end well are counted and not logged.
 */
import type { OpportuneError } from '#engine'
import type { HttpLogger } from './options.ts'

interface Request {
  readonly requestId: string
  readonly method: string
  readonly route: string
  readonly status: number
}

export function logFailure(
  logger: HttpLogger | null,
  error: OpportuneError,
  request: Request,
): void {
  const bug = error.cause instanceof Error ? error.cause : null
  logger?.error(
    {
      request_id: request.requestId,
      method: request.method,
      route: request.route,
      status: request.status,
      code: error.code,
      ...(bug === null ? {} : { error: bug.name, at: frames(bug) }),
    },
    'request failed',
  )
}

/** The places of a stack without the message above them, which may quote input. */
const frames = (error: Error): readonly string[] =>
  (error.stack ?? '')
    .split('\n')
    .filter((line) => /^\s+at /.test(line))
    .slice(0, 12)
    .map((line) => line.trim())
