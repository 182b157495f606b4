/**
 * Which pages and names may speak to this server.
 *
 * A browser sends any page's POST to any address, this machine's included, so a request that carries
 * an Origin must come from this server's own page or from a listed origin. And a page whose name is
 * made to resolve to 127.0.0.1 (DNS rebinding) is of the "same" origin: on loopback the Host must be
 * a name of this machine.
 */
import type { IncomingHttpHeaders } from 'node:http'
import { OpportuneError } from '#engine'
import { isLoopback, type Settings } from './options.ts'

/**
 * The headers that let the sending page read the answer; none where no page is involved.
 * @throws http_origin
 */
export function corsHeaders(
  headers: IncomingHttpHeaders,
  allowed: readonly string[],
): Readonly<Record<string, string>> {
  const { origin } = headers
  if (origin === undefined || isOwn(origin, headers.host)) return {}
  if (!allowed.includes('*') && !allowed.includes(origin))
    throw new OpportuneError('http_origin', 'It is not listed.')
  return {
    'access-control-allow-origin': origin,
    'access-control-expose-headers': 'retry-after, x-ratelimit-reset, x-request-id',
    vary: 'origin',
  }
}

/** What a browser wants to know before it sends a call with headers of its own. */
export const PREFLIGHT: Readonly<Record<string, string>> = {
  'access-control-allow-methods': 'POST',
  'access-control-allow-headers': 'authorization, content-type, content-encoding, x-retry-count',
  'access-control-max-age': '7200',
}

function isOwn(origin: string, host: string | undefined): boolean {
  try {
    return new URL(origin).host === host
  } catch {
    return false
  }
}

/** The name in a Host header, without port and brackets. */
function hostName(host: string | undefined): string {
  try {
    return new URL(`http://${host ?? ''}`).hostname.replaceAll(/^\[|\]$/g, '')
  } catch {
    return ''
  }
}

/** @throws http_host */
export function checkHost(host: string | undefined, settings: Settings): void {
  if (!settings.loopback) return
  const name = hostName(host)
  if (isLoopback(name) || settings.allowedHosts.includes(name)) return
  throw new OpportuneError('http_host', 'This server is bound to loopback.')
}

/** Whether a request to the open page comes from this machine and asks for it by its own name. */
export const isLocalVisit = (host: string | undefined, remoteAddress: string): boolean =>
  isLoopback(hostName(host)) && isLoopback(remoteAddress.replace(/^::ffff:/, ''))
