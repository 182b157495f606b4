/**
 * Finds who can answer: the address named, else the server that runs on the data directory, else the
 * directory itself.
 *
 * A token is only sent where it belongs: one from the environment to the address named, the
 * directory's own to the server whose file stands in it, after that has shown what it is.
 */
import { OpportuneError } from '#engine'
import { readCredentials } from '../../http/credentials.ts'
import type { CliIo } from '../io.ts'
import { type DataOptions, DEFAULT_DATA } from '../options.ts'
import { answers } from './health.ts'
import { httpBackend } from './http.ts'
import type { Backend } from './port.ts'
import { readServerFile } from './server-file.ts'

/** @throws server_unreachable, log_missing, credentials_* */
export async function openBackend(
  options: Partial<DataOptions>,
  io: Pick<CliIo, 'env' | 'now'>,
): Promise<Backend> {
  const { url, data: directory = DEFAULT_DATA } = options
  if (url !== undefined) {
    if (!(await answers(url)))
      throw new OpportuneError('server_unreachable', `No server of ours answers at ${url}.`, {
        url,
      })
    return httpBackend({ url, token: io.env['OPPORTUNE_TOKEN'] })
  }
  const server = await readServerFile(directory)
  if (server !== undefined && (await answers(server.url))) {
    const credentials = await readCredentials(directory)
    return httpBackend({ url: server.url, token: credentials?.operatorToken })
  }
  const { localBackend } = await import('./local.ts')
  const clickhouseUrl = io.env['OPPORTUNE_CLICKHOUSE_URL']
  return localBackend({
    directory,
    now: io.now,
    async openAnalytics() {
      const { openLocalAnalytics } = await import('./local-analytics.ts')
      return openLocalAnalytics(directory, clickhouseUrl)
    },
  })
}

/** Opens, asks, closes. */
export async function withBackend<T>(
  options: Partial<DataOptions>,
  io: Pick<CliIo, 'env' | 'now'>,
  use: (backend: Backend) => Promise<T>,
): Promise<T> {
  const backend = await openBackend(options, io)
  try {
    return await use(backend)
  } finally {
    await backend.close()
  }
}
