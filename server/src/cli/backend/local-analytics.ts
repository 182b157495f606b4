/** Analytics of a data directory for one question: loaded up to now, asked, stopped. */
import { join, resolve } from 'node:path'
import { ProfileViewSchema } from '#operators'
import { startAnalytics } from '#sinks'
import type { LocalAnalytics } from './local.ts'

/**
 * @param clickhouseUrl where the tables are elsewhere
 * @throws analytics_*
 */
export async function openLocalAnalytics(
  directory: string,
  clickhouseUrl: string | undefined,
): Promise<LocalAnalytics> {
  const analytics = startAnalytics({
    database:
      clickhouseUrl === undefined
        ? { kind: 'embedded', path: resolve(directory, 'clickhouse') }
        : { kind: 'remote', url: clickhouseUrl },
    log: { kind: 'embedded', directory: resolve(join(directory, 'log')) },
    profileSchema: ProfileViewSchema,
  })
  try {
    await analytics.ready()
    // What a server that was killed did not load is in the log: an answer without it would be wrong.
    await analytics.flush()
  } catch (error) {
    await analytics.stop()
    throw error
  }
  return {
    async query({ sql, params, maxRows }) {
      const started = performance.now()
      const { columns, rows } = await analytics.query(sql, params)
      return {
        columns: [...columns],
        rows: rows.slice(0, maxRows).map((row) => columns.map(({ name }) => row[name])),
        truncated: rows.length > maxRows,
        elapsed_ms: performance.now() - started,
      }
    },
    arrow: ({ sql, params }) => analytics.arrow(sql, params),
    stop: () => analytics.stop(),
  }
}
