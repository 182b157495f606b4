/**
 * The HTTP server: puts the routes behind one door and keeps it bounded. Fastify does the transport;
 * routes, authorisation, errors and limits are Opportune's own and know nothing of it.
 *
 * H1 A tracking call is answered 200 after its records are durable, and never before.
 * H2 A tracking call fails as a whole and for its transport only: size, count, encoding, JSON, key,
 *    rate, overload. A wrong event in it is appended and becomes a dead letter with its reason.
 * H3 A 4xx or 5xx of a tracking call means that nothing of it was taken, save 503 and a broken
 *    connection: then a part may be, and repeating it is safe (deduplication by message id).
 * H4 Everything has a limit: body, time to arrive, time to answer, bytes under way, queries, live
 *    streams, connections, requests of a key. What is over it is told so and when to come back.
 * H5 Ready says 503 with reasons until the system is ready, and from the moment closing begins.
 * H6 Closing shows not ready, then takes nothing new, ends live streams, lets running requests
 *    finish, and after its limit cuts what is left.
 * H7 Errors are problem+json with a stable code. Neither they nor the log repeat what a client sent.
 */
import { randomUUID } from 'node:crypto'
import fastify, { type FastifyInstance } from 'fastify'
import { OpportuneError } from '#engine'
import { Tokens } from './access.ts'
import { Connections } from './connections.ts'
import { Doorkeeper } from './doorkeeper.ts'
import { Gate } from './gate.ts'
import { LiveStreams } from './live.ts'
import { openApi } from './openapi.ts'
import { operateRoutes } from './operate-routes.ts'
import { type HttpOptions, type Limits, type Settings, settingsOf } from './options.ts'
import { pageRoutes } from './page-routes.ts'
import type { HttpPorts } from './ports.ts'
import { readRoutes } from './read-routes.ts'
import type { Route } from './route.ts'
import { systemRoutes } from './system-routes.ts'
import { type CallSchemas, trackingRoutes } from './tracking/routes.ts'
import type { Health } from './views.ts'

export interface HttpServer {
  /** For tests and for requests from within the process. */
  readonly app: FastifyInstance
  /** @returns the address, as a browser takes it. @throws http_port_in_use, http_address */
  listen(): Promise<string>
  /** H6. May be called more than once. */
  close(): Promise<void>
}

/** @throws http_auth_needed, where the options would leave it open to others */
export function createHttpServer(
  ports: HttpPorts,
  options: HttpOptions & { readonly callSchemas: CallSchemas },
): HttpServer {
  const settings = settingsOf(options)
  const tokens = new Tokens(settings.operatorToken, settings.clock.now)
  const live = new LiveStreams(ports, settings.limits)
  const gate = new Gate(settings, tokens)
  const health = (): Health => (gate.closing ? closingHealth(ports.health()) : ports.health())
  let description = ''
  const routes: readonly Route[] = [
    ...trackingRoutes(new Doorkeeper(ports, settings), options.callSchemas),
    ...readRoutes(ports, live),
    ...operateRoutes(ports, tokens, settings.limits),
    ...systemRoutes({ health, metrics: () => ports.metrics(), openapi: () => description }),
    ...pageRoutes(settings, tokens),
  ]
  description = JSON.stringify(openApi(routes, settings.version))
  const app = transport(settings, gate)
  const connections = new Connections()
  connections.watch(app.server)
  gate.mount(app, routes)
  return {
    app,
    listen: () => listen(app, settings),
    close: once(() => close({ app, gate, live, connections, limits: settings.limits })),
  }
}

const closingHealth = (health: Health): Health => ({
  ...health,
  ready: false,
  reasons: ['closing', ...health.reasons],
})

function transport(settings: Settings, gate: Gate): FastifyInstance {
  const { limits } = settings
  const app = fastify({
    logger: false,
    exposeHeadRoutes: false,
    genReqId: () => randomUUID(),
    requestIdHeader: false,
    frameworkErrors: (error, request, reply) =>
      void gate.fail(error, undefined, { request, reply }),
    requestTimeout: limits.requestMs,
    // A slow query sends nothing for a while; idle keep-alive connections have their own limit.
    connectionTimeout: Math.max(limits.requestMs, limits.queryMs) * 2,
    keepAliveTimeout: 72_000,
    return503OnClosing: false,
    http: { maxHeaderSize: 16 * 1024 },
    routerOptions: { maxParamLength: 4_096 },
  })
  app.server.maxConnections = limits.connections
  return app
}

async function listen(app: FastifyInstance, settings: Settings): Promise<string> {
  try {
    // For `localhost` fastify would start a second server, which closing would not know of.
    const host = settings.host === 'localhost' ? '127.0.0.1' : settings.host
    return await app.listen({ host, port: settings.port })
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException
    const where = { host: settings.host, port: settings.port }
    if (code === 'EADDRINUSE')
      throw new OpportuneError(
        'http_port_in_use',
        `Port ${where.port} on ${where.host}.`,
        where,
        error,
      )
    if (code === 'EADDRNOTAVAIL' || code === 'EACCES' || code === 'ENOTFOUND')
      throw new OpportuneError('http_address', `${where.host}, port ${where.port}.`, where, error)
    throw error
  }
}

interface Parts {
  readonly app: FastifyInstance
  readonly gate: Gate
  readonly live: LiveStreams
  readonly connections: Connections
  readonly limits: Limits
}

/** H6. */
async function close(parts: Parts): Promise<void> {
  const { app, gate, live, connections, limits } = parts
  gate.beginClosing()
  if (limits.drainMs > 0) await new Promise((resolve) => setTimeout(resolve, limits.drainMs))
  gate.shut()
  live.close()
  // Connections that fall idle from now on would be kept alive for another call that must not come.
  const sweep = setInterval(() => connections.closeIdle(), 25)
  const cut = setTimeout(() => connections.closeAll(), limits.closeMs)
  await app.close()
  clearInterval(sweep)
  clearTimeout(cut)
}

function once(work: () => Promise<void>): () => Promise<void> {
  let running: Promise<void> | null = null
  return () => (running ??= work())
}
