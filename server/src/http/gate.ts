/**
 * Between the transport and the routes: every request passes here, in this order: closing, host,
 * origin, token, body, time limit, handler; every answer leaves here with the same headers.
 */
import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify'
import { type ErrorCode, OpportuneError } from '#engine'
import type { Tokens } from './access.ts'
import { unpack } from './body.ts'
import { logFailure } from './log.ts'
import type { Settings } from './options.ts'
import { checkHost, corsHeaders, PREFLIGHT } from './origin.ts'
import { known, problemAnswer } from './problem.ts'
import type { Answer, RawInput, Route } from './route.ts'

const HEADERS = {
  'x-content-type-options': 'nosniff',
  'referrer-policy': 'no-referrer',
  'content-security-policy': "default-src 'none'; frame-ancestors 'none'",
  'cross-origin-opener-policy': 'same-origin',
  'cache-control': 'no-store',
} as const

const EMPTY = Buffer.alloc(0)

/** Still answered while the door closes: who asks for health needs to hear that it does. */
const ANSWERED_TO_THE_END: readonly string[] = ['/health/live', '/health/ready', '/metrics']

/** Transport errors that have a code of ours. */
const TRANSPORT: Readonly<Record<string, ErrorCode>> = {
  FST_ERR_CTP_BODY_TOO_LARGE: 'http_body_too_large',
  FST_ERR_CTP_INVALID_CONTENT_LENGTH: 'http_bad_request',
  FST_ERR_BAD_URL: 'http_bad_request',
  FST_ERR_MAX_PARAM_LENGTH: 'http_bad_request',
  ECONNRESET: 'http_bad_request',
}

export class Gate {
  readonly #settings: Settings
  readonly #tokens: Tokens
  #state: 'open' | 'closing' | 'shut' = 'open'

  constructor(settings: Settings, tokens: Tokens) {
    this.#settings = settings
    this.#tokens = tokens
  }

  get closing(): boolean {
    return this.#state !== 'open'
  }

  /** Not ready from now on, though everything is still answered. */
  beginClosing(): void {
    this.#state = 'closing'
  }

  /** Nothing new is taken from now on. */
  shut(): void {
    this.#state = 'shut'
  }

  mount(app: FastifyInstance, routes: readonly Route[]): void {
    // Bodies are read as bytes whatever their type is said to be; a route judges the type itself.
    app.removeAllContentTypeParsers()
    app.addContentTypeParser('*', { parseAs: 'buffer' }, (_request, body, done) => done(null, body))
    for (const route of routes) this.#mountRoute(app, route)
    app.options('/v1/*', (request, reply) => this.#preflight(request, reply))
    app.setErrorHandler((error, request, reply) => this.fail(error, undefined, { request, reply }))
    const allowed = allowedMethods(routes)
    app.setNotFoundHandler((request, reply) => {
      const methods = allowed(request.url)
      if (methods.length > 0) void reply.header('allow', methods.join(', '))
      const code = methods.length > 0 ? 'http_method' : 'http_not_found'
      return this.fail(new OpportuneError(code, ''), undefined, { request, reply })
    })
  }

  #mountRoute(app: FastifyInstance, route: Route): void {
    app.route({
      method: route.method === 'GET' && route.id !== 'live' ? ['GET', 'HEAD'] : route.method,
      url: route.path.replaceAll(/\{(\w+)\}/g, ':$1'),
      bodyLimit: route.bodyLimit,
      // Before the body is read, so that a refused request costs no more than its headers.
      onRequest: async (request, reply) => this.#admit(route, request, reply),
      errorHandler: (error, request, reply) => {
        void this.fail(error, route, { request, reply })
      },
      handler: async (request, reply) => {
        const answer = await this.#answer(route, request, reply)
        this.#send(answer, { request, reply })
        return reply
      },
    })
  }

  #admit(route: Route, request: FastifyRequest, reply: FastifyReply): void {
    if (this.#state === 'shut' && !ANSWERED_TO_THE_END.includes(route.path)) {
      void reply.header('connection', 'close')
      throw new OpportuneError('http_closing', '')
    }
    if (route.guardHost) checkHost(request.headers.host, this.#settings)
    if (route.access === 'ingest')
      void reply.headers(corsHeaders(request.headers, this.#settings.corsOrigins))
    if (route.access === 'read' || route.access === 'operate')
      this.#tokens.require(request.headers.authorization, route.access)
  }

  async #answer(route: Route, request: FastifyRequest, reply: FastifyReply): Promise<Answer> {
    const abort = new AbortController()
    reply.raw.once('close', () => abort.abort())
    const body = Buffer.isBuffer(request.body) ? request.body : EMPTY
    const raw: RawInput = {
      params: request.params as Record<string, string>,
      query: request.query as Record<string, unknown>,
      headers: request.headers,
      // Tracking routes check the key in the headers before they unpack.
      body:
        route.access === 'ingest'
          ? body
          : await unpack(body, request.headers['content-encoding'], route.bodyLimit),
      remoteAddress: request.ip,
      requestId: request.id,
      signal: abort.signal,
    }
    return withinTime(route, raw, abort)
  }

  #preflight(request: FastifyRequest, reply: FastifyReply): FastifyReply {
    const cors = corsHeaders(request.headers, this.#settings.corsOrigins)
    return reply
      .code(204)
      .headers({ ...HEADERS, ...cors, ...PREFLIGHT })
      .send()
  }

  /** Answers with the problem that an error is; one that is ours to answer for is logged. */
  fail(error: unknown, route: Route | undefined, exchange: Exchange): FastifyReply {
    const failure = translated(error)
    const { request } = exchange
    const tracking = route?.access === 'ingest'
    const answer = problemAnswer(failure, { requestId: request.id, tracking })
    if (answer.status >= 500)
      logFailure(this.#settings.logger, failure, {
        requestId: request.id,
        method: request.method,
        route: route?.path ?? '',
        status: answer.status,
      })
    return this.#send(answer, exchange)
  }

  #send(answer: Answer, { request, reply }: Exchange): FastifyReply {
    const route = request.routeOptions.url ?? ''
    reply.raw.once('close', () =>
      this.#settings.observe({
        method: request.method,
        route,
        status: answer.status,
        seconds: reply.elapsedTime / 1000,
      }),
    )
    return reply
      .code(answer.status)
      .headers({ ...HEADERS, 'x-request-id': request.id, ...answer.headers })
      .type(answer.type)
      .send(answer.body)
  }
}

interface Exchange {
  readonly request: FastifyRequest
  readonly reply: FastifyReply
}

function translated(error: unknown): OpportuneError {
  const code = error instanceof Error ? (error as NodeJS.ErrnoException).code : undefined
  const ours = TRANSPORT[code ?? '']
  return ours === undefined ? known(error) : new OpportuneError(ours, '')
}

/** The handler's answer, or http_timeout when the route's time is up. */
async function withinTime(route: Route, raw: RawInput, abort: AbortController): Promise<Answer> {
  let timer: NodeJS.Timeout | undefined
  const late = new Promise<never>((_resolve, reject) => {
    timer = setTimeout(() => {
      reject(new OpportuneError('http_timeout', `It took over ${route.timeoutMs} ms.`))
      abort.abort()
    }, route.timeoutMs)
  })
  try {
    return await Promise.race([route.handle(raw), late])
  } finally {
    clearTimeout(timer)
  }
}

/** From an address to the methods it takes; none where it leads nowhere. */
function allowedMethods(routes: readonly Route[]): (url: string) => readonly string[] {
  const known = routes.map((route) => ({
    pattern: new RegExp(`^${route.path.replaceAll('.', '\\.').replaceAll(/\{\w+\}/g, '[^/]+')}$`),
    method: route.method,
  }))
  return (url) => {
    const path = url.split('?', 1)[0] ?? ''
    return [...new Set(known.filter((it) => it.pattern.test(path)).map((it) => it.method))]
  }
}
