/**
 * Migrations: numbered SQL files, each applied once, in order, and never changed afterwards.
 *
 * A file is applied statement by statement, and recorded after the last. ClickHouse has no
 * transactions over DDL, so a crash in between leaves a part of a file; statements are therefore made
 * repeatable on the way (`CREATE TABLE` becomes `CREATE TABLE IF NOT EXISTS` and so on), and a file
 * that was not recorded is simply applied again.
 */
import { createHash } from 'node:crypto'
import { existsSync, readdirSync, readFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { assert, OpportuneError } from '#engine'
import type { Writer } from './connect.ts'
import { instant } from './values.ts'

export interface Migration {
  /** `0001-tables.sql`. */
  readonly name: string
  readonly sql: string
}

const FILE = /^\d{4}-[a-z0-9-]+\.sql$/

const VERSIONS = `CREATE TABLE IF NOT EXISTS migrations
(
  name String COMMENT 'File',
  checksum String COMMENT 'SHA-256 of its text',
  applied_at DateTime64(3, 'UTC')
)
ENGINE = MergeTree ORDER BY name COMMENT 'Migrations that were applied'`

/** The migrations that this release comes with. */
export function ownMigrations(): readonly Migration[] {
  const directory = join(packageRoot(), 'sinks', 'clickhouse-migrations')
  const names = readdirSync(directory).filter((name) => name.endsWith('.sql'))
  for (const name of names) assert(FILE.test(name), `${name} is not named like a migration`)
  return names
    .toSorted()
    .map((name) => ({ name, sql: readFileSync(join(directory, name), 'utf8') }))
}

/** Compiled files stand deeper than sources; both stand under the package. */
function packageRoot(): string {
  let directory = dirname(fileURLToPath(import.meta.url))
  while (!existsSync(join(directory, 'sinks', 'clickhouse-migrations'))) {
    const parent = dirname(directory)
    assert(parent !== directory, 'the package holds its migrations')
    directory = parent
  }
  return directory
}

/**
 * Applies what is missing.
 * @returns names of the migrations applied now
 * @throws analytics_migration_changed, analytics_migration_newer
 */
export async function migrate(
  writer: Writer,
  migrations: readonly Migration[],
  now: number,
): Promise<readonly string[]> {
  await writer.command(VERSIONS)
  const rows = await writer.rows<{ name: string; checksum: string }>(
    'SELECT name, any(checksum) AS checksum FROM migrations GROUP BY name',
  )
  const applied = new Map(rows.map((row) => [row.name, row.checksum]))
  refuseUnknown(applied, migrations)
  const added: string[] = []
  for (const { name, sql } of migrations) {
    if (applied.has(name)) continue
    for (const statement of statementsOf(sql)) await writer.command(repeatable(statement))
    const row = { name, checksum: checksumOf(sql), applied_at: instant(now) }
    await writer.insert('migrations', [row])
    added.push(name)
  }
  return added
}

const checksumOf = (sql: string): string => createHash('sha256').update(sql).digest('hex')

function refuseUnknown(
  applied: ReadonlyMap<string, string>,
  migrations: readonly Migration[],
): void {
  const own = new Map(migrations.map((migration) => [migration.name, migration.sql]))
  for (const [name, checksum] of applied) {
    const sql = own.get(name)
    if (sql === undefined)
      throw new OpportuneError('analytics_migration_newer', `${name} is not of this release.`)
    if (checksumOf(sql) !== checksum)
      throw new OpportuneError('analytics_migration_changed', `${name} was changed.`)
  }
}

/** Our own files hold no semicolon inside a text or a comment; a test keeps it so. */
export const statementsOf = (sql: string): readonly string[] =>
  sql
    .split(/;\s*(?:\n|$)/)
    .map((part) => part.trim())
    .filter((part) => part.replaceAll(/--.*$/gm, '').trim() !== '')

const repeatable = (statement: string): string =>
  statement
    .replace(/^((?:\s*--.*\n)*\s*)CREATE TABLE (?!IF NOT EXISTS)/, '$1CREATE TABLE IF NOT EXISTS ')
    .replace(/^((?:\s*--.*\n)*\s*)CREATE VIEW /, '$1CREATE OR REPLACE VIEW ')
