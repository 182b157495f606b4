/**
 * The backend over HTTP. A problem that the server answers with becomes the error it was there, code
 * and all, so that it is told and exits as if it had happened here.
 */
import { copyFile } from 'node:fs/promises'
import { ERRORS, type ErrorCode, OpportuneError } from '#engine'
import type { Decision } from '#operators'
import type { ApplyAnswer } from '../../http/ports.ts'
import type {
  Applied,
  DeadLetterPage,
  DefinitionProblem,
  Profile,
  QueryResult,
  RedriveResult,
  Savepoint,
  Topology,
} from '../../http/views.ts'
import type { Backend, Explanation } from './port.ts'

export interface HttpBackendOptions {
  readonly url: string
  /** The operator token, or of a read session; absent: only what is open to all. */
  readonly token: string | undefined
  /** ms that an ordinary answer may take. */
  readonly timeoutMs?: number
}

const TIMEOUT_MS = 60_000
const SAVEPOINT_MS = 10 * 60_000

export function httpBackend(options: HttpBackendOptions): Backend {
  const get = <T>(path: string): Promise<T> => request<T>(options, path)
  const post = <T>(path: string, body: unknown): Promise<T> => request<T>(options, path, body)
  const text = (format: string): Promise<string> =>
    requestText(options, `/api/v1/topology?format=${format}`)
  return {
    where: options.url,
    profile: (customer) =>
      get<Profile>(`/api/v1/customers/${encodeURIComponent(customer)}/profile`),
    why: (id) => get<Explanation>(`/api/v1/decisions/${encodeURIComponent(id)}/why`),
    async decisions({ limit, customer }) {
      const filter = query({ limit, customer })
      return (await get<{ decisions: readonly Decision[] }>(`/api/v1/decisions?${filter}`))
        .decisions
    },
    topology: async () => ({
      data: await get<Topology>('/api/v1/topology?format=json'),
      text: await text('text'),
      mermaid: await text('mermaid'),
    }),
    query: ({ sql, params, maxRows }) =>
      post<QueryResult>('/api/v1/query', { sql, params, max_rows: maxRows }),
    queryArrow: ({ sql, params }) =>
      requestBytes(options, '/api/v1/query', { sql, params, format: 'arrow' }),
    deadLetters: ({ limit, cursor, code }) =>
      get<DeadLetterPage>(`/api/v1/dead-letters?${query({ limit, cursor, code })}`),
    redrive: (what) => post<RedriveResult>('/api/v1/dead-letters/redrive', what),
    applyDefinitions: (files) => applyOver(options, files),
    async savepoint(out) {
      const made = await request<Savepoint>(
        { ...options, timeoutMs: SAVEPOINT_MS },
        '/api/v1/savepoints',
        {},
      )
      if (out === null) return made
      // Only a server on this machine has its files here; another one's are named as they are.
      await copyFile(made.path, out)
      return { ...made, path: out }
    },
    close: async () => {},
  }
}

async function applyOver(
  options: HttpBackendOptions,
  files: readonly { readonly path: string; readonly text: string }[],
): Promise<ApplyAnswer> {
  const response = await send(options, '/api/v1/definitions', { files })
  const body = await parsed(response, options.url)
  if (response.ok) return { ok: true, ...(body as unknown as Applied) }
  if (body['code'] === 'definitions_refused')
    return { ok: false, problems: body['problems'] as readonly DefinitionProblem[] }
  throw errorOf(body, response.status)
}

function query(values: Readonly<Record<string, string | number | null>>): string {
  const set = Object.entries(values).filter((entry) => entry[1] !== null)
  return new URLSearchParams(
    set.map(([name, value]): [string, string] => [name, String(value)]),
  ).toString()
}

async function request<T>(options: HttpBackendOptions, path: string, body?: unknown): Promise<T> {
  const response = await send(options, path, body)
  const answer = await parsed(response, options.url)
  if (!response.ok) throw errorOf(answer, response.status)
  return answer as T
}

async function requestText(options: HttpBackendOptions, path: string): Promise<string> {
  const response = await send(options, path)
  if (!response.ok) throw errorOf(await parsed(response, options.url), response.status)
  return response.text()
}

async function requestBytes(
  options: HttpBackendOptions,
  path: string,
  body: unknown,
): Promise<Uint8Array> {
  const response = await send(options, path, body)
  if (!response.ok) throw errorOf(await parsed(response, options.url), response.status)
  return new Uint8Array(await response.arrayBuffer())
}

async function send(options: HttpBackendOptions, path: string, body?: unknown): Promise<Response> {
  const { url, token, timeoutMs = TIMEOUT_MS } = options
  try {
    return await fetch(`${url}${path}`, {
      signal: AbortSignal.timeout(timeoutMs),
      headers: {
        ...(token === undefined ? {} : { authorization: `Bearer ${token}` }),
        ...(body === undefined ? {} : { 'content-type': 'application/json' }),
      },
      ...(body === undefined ? {} : { method: 'POST', body: JSON.stringify(body) }),
    })
  } catch (error) {
    throw new OpportuneError('server_unreachable', `${url} does not answer.`, { url }, error)
  }
}

async function parsed(response: Response, url: string): Promise<Readonly<Record<string, unknown>>> {
  let body: unknown
  try {
    body = await response.json()
  } catch {
    body = null
  }
  if (typeof body === 'object' && body !== null) return body as Record<string, unknown>
  throw new OpportuneError('server_foreign', `${url} answered ${response.status} without JSON.`)
}

/** The error that a problem tells of; one of another release keeps its words under a code of ours. */
function errorOf(problem: Readonly<Record<string, unknown>>, status: number): OpportuneError {
  const { code, detail } = problem
  const said = typeof detail === 'string' ? detail : `The answer was ${status}.`
  if (typeof code !== 'string' || !Object.hasOwn(ERRORS, code))
    return new OpportuneError('server_foreign', `It answered ${status}: ${said}`)
  const known = code as ErrorCode
  const { remedy } = ERRORS[known]
  return new OpportuneError(
    known,
    said.endsWith(remedy) ? said.slice(0, -remedy.length).trim() : said,
  )
}
