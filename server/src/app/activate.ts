/** Puts definitions and models in force: read, check, and only then write the in-band record. */
import { readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { isScalar, parseAllDocuments } from 'yaml'
import { OpportuneError } from '#engine'
import { readArtefact } from '#models/serving'
import { type DefinitionSet, definitions, readDefinitions } from '#operators'
import type { App } from './app.ts'

export interface DefinitionFile {
  readonly path: string
  readonly text: string
}

type Read = ReturnType<typeof readDefinitions>
export type DefinitionProblem = Extract<Read, { readonly ok: false }>['problems'][number]

/**
 * The YAML files of a directory and its subdirectories, by path; at least one. None is not the empty
 * set: whoever names a wrong directory must not switch everything off.
 * @throws definitions_unreadable
 */
export function definitionFiles(directory: string): DefinitionFile[] {
  const files = yamlFiles(directory)
  if (files.length > 0) return files
  throw new OpportuneError('definitions_unreadable', `There are no YAML files in '${directory}'.`)
}

function yamlFiles(directory: string): DefinitionFile[] {
  try {
    return (readdirSync(directory, { recursive: true }) as string[])
      .filter((path) => path.endsWith('.yaml') || path.endsWith('.yml'))
      .sort()
      .map((path) => ({ path, text: readFileSync(join(directory, path), 'utf8') }))
  } catch (error) {
    throw new OpportuneError('definitions_unreadable', `'${directory}' cannot be read.`, {}, error)
  }
}

/**
 * Reads files that are meant to be put in force. A file without a document is a problem of its own: it
 * was emptied or not yet written, and what it used to say must not go out of force by that.
 */
export function readApplied(files: readonly DefinitionFile[]): Read {
  const empty = files.filter(({ text }) => isEmpty(text)).map(({ path }) => emptyProblem(path))
  const read = readDefinitions(files)
  if (empty.length === 0) return read
  // First of all: what the others say of names that lead nowhere may follow from it.
  return { ok: false, problems: [...empty, ...(read.ok ? [] : read.problems)] }
}

const isEmpty = (text: string): boolean =>
  parseAllDocuments(text).every(
    ({ contents, errors }) => errors.length === 0 && (contents === null || isNothing(contents)),
  )

/** What stands between two `---`, or behind one. */
const isNothing = (contents: unknown): boolean => isScalar(contents) && contents.value === null

const emptyProblem = (file: string): DefinitionProblem => ({
  file,
  line: 1,
  path: '',
  reason: 'there is no document in the file; remove the file where that is meant',
})

export type Applied =
  | { readonly ok: true; readonly version: string; readonly changed: boolean }
  | { readonly ok: false; readonly problems: readonly DefinitionProblem[] }

/** Checks the files; where they are right and new, activates them. The running ones stay otherwise. */
export async function applyDefinitions(
  app: App,
  files: readonly DefinitionFile[],
): Promise<Applied> {
  const read = readApplied(files)
  if (!read.ok) return { ok: false, problems: read.problems }
  const running = app.shared(definitions.id) as DefinitionSet | undefined
  const changed = running?.version !== read.set.version
  if (changed) await app.activateDefinitions(read.set)
  return { ok: true, version: read.set.version, changed }
}

/** @throws definitions_refused naming the first problem */
export async function activateDirectory(app: App, directory: string): Promise<string> {
  const applied = await applyDefinitions(app, definitionFiles(directory))
  if (applied.ok) return applied.version
  const [first] = applied.problems
  const where = first === undefined ? directory : `${first.file}:${first.line} ${first.path}`
  throw new OpportuneError('definitions_refused', `${where}: ${first?.reason ?? 'nothing in it'}`)
}

/** @throws model_* with the artefact's own reason; the model in force stays */
export async function activateModelFile(app: App, file: string): Promise<string> {
  const read = readArtefact(readFileSync(file))
  if (!read.ok) throw new OpportuneError(read.code, read.reason)
  const running = app.shared('active-model') as { readonly version: string } | null | undefined
  if (running?.version !== read.artefact.version)
    await app.activateModel({ artefact: read.artefact })
  return read.artefact.version
}
