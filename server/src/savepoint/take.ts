/** Takes a savepoint of the app, running or not. */
import { mkdirSync } from 'node:fs'
import { dirname, join, resolve } from 'node:path'
import { saveTo } from '#engine'
import type { App } from '../app/app.ts'
import type { Savepoint } from '../http/views.ts'

/** @param out the file to write; null: one named by the instant, in the data directory */
export async function takeSavepoint(app: App, out: string | null): Promise<Savepoint> {
  const { directory, build, now } = app.options
  const at = now()
  const name = new Date(at).toISOString().replace(/[:.]/g, '-')
  const path = resolve(out ?? join(directory, 'savepoints', `${name}.savepoint`))
  mkdirSync(dirname(path), { recursive: true })
  const { worker, plan, log } = app
  const { sha256 } = await saveTo(path, { worker, plan, log, build, at })
  return { id: sha256.slice(0, 16), path, at }
}
