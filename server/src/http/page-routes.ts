/**
 * The page at `/`, its files, and the documentation as text. All are read once at the start from
 * fixed lists, so that no address leads to any other file.
 *
 * How the page may read the API: served on loopback (`page: open`), it carries a read session in a
 * meta tag, made for this visit. Whoever can open the page can so read what it shows, which on
 * loopback is whoever works on this machine; the Host check keeps other sites' pages out. In every
 * other case the page asks for the operator token, trades it for a read session and forgets it.
 */
import { readdirSync, readFileSync } from 'node:fs'
import { packagePath } from '../package-root.ts'
import type { Tokens } from './access.ts'
import type { Settings } from './options.ts'
import { isLocalVisit } from './origin.ts'
import { type Route, rawRoute, text } from './route.ts'

const SESSION_MS = 12 * 60 * 60 * 1000
const PLACE_OF_SESSION = '{{session}}'

/** Nothing from elsewhere, nothing inline, nobody may frame it. */
const PAGE_POLICY = [
  "default-src 'none'",
  "script-src 'self'",
  "style-src 'self'",
  "img-src 'self'",
  "connect-src 'self'",
  "base-uri 'none'",
  "form-action 'none'",
  "frame-ancestors 'none'",
  "require-trusted-types-for 'script'",
].join('; ')

const TYPES: Readonly<Record<string, string>> = {
  html: 'text/html; charset=utf-8',
  css: 'text/css; charset=utf-8',
  js: 'text/javascript; charset=utf-8',
  svg: 'image/svg+xml',
  md: 'text/plain; charset=utf-8',
}

const extension = (file: string): string => file.slice(file.lastIndexOf('.') + 1)

const filesIn = (directory: string, extensions: readonly string[]): readonly string[] =>
  readdirSync(packagePath(directory)).filter((it) => extensions.includes(extension(it)))

export function pageRoutes(settings: Settings, tokens: Tokens): readonly Route[] {
  if (settings.page === 'off') return []
  return [
    indexRoute(settings, tokens),
    ...filesIn('server/page', ['css', 'js', 'svg']).map((it) =>
      fileRoute(`/page/${it}`, `server/page/${it}`),
    ),
    ...filesIn('docs', ['md']).map((it) => fileRoute(`/docs/${it}`, `docs/${it}`)),
  ]
}

function indexRoute(settings: Settings, tokens: Tokens): Route {
  const [before = '', after = ''] = readFileSync(
    packagePath('server/page/index.html'),
    'utf8',
  ).split(PLACE_OF_SESSION)
  return rawRoute(
    {
      method: 'GET',
      path: '/',
      id: 'page',
      tag: 'page',
      summary: 'The page.',
      guardHost: true,
      hidden: true,
    },
    (raw) => {
      const trusted = settings.page === 'open' && isLocalVisit(raw.headers.host, raw.remoteAddress)
      const session = trusted ? tokens.readSession(SESSION_MS).token : ''
      return {
        ...text(`${before}${session}${after}`, TYPES['html']),
        headers: { 'content-security-policy': PAGE_POLICY },
      }
    },
  )
}

function fileRoute(path: string, file: string): Route {
  const content = readFileSync(packagePath(file), 'utf8')
  return rawRoute(
    { method: 'GET', path, id: path, tag: 'page', summary: file, guardHost: true, hidden: true },
    () => ({
      ...text(content, TYPES[extension(file)]),
      headers: { 'cache-control': 'no-cache' },
    }),
  )
}
