/** Which files of the project the tools look at. */
import { readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import type { SourceText } from './rules.ts'

export const ROOT = fileURLToPath(new URL('..', import.meta.url))

const SKIPPED = new Set(['node_modules', 'dist', 'coverage', '.git', '.cache'])

function* walk(folder: string): Generator<string> {
  for (const entry of readdirSync(join(ROOT, folder), { withFileTypes: true })) {
    const path = folder === '' ? entry.name : `${folder}/${entry.name}`
    if (!entry.isDirectory()) yield path
    // `data` at the root is what a run leaves behind; elsewhere it is ours.
    else if (!SKIPPED.has(entry.name) && path !== 'data') yield* walk(path)
  }
}

/** The project's own files with this ending, relative to the root, in a stable order. */
export const projectFiles = (ending: string): readonly string[] =>
  [...walk('')].filter((it) => it.endsWith(ending)).toSorted()

export const readText = (file: string): SourceText => ({
  file,
  text: readFileSync(join(ROOT, file), 'utf8'),
})
