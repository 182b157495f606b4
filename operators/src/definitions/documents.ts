/** From YAML text to documents that know the line of each of their values. */
import { isMap, LineCounter, type Node, parseAllDocuments } from 'yaml'

export interface SourceFile {
  readonly path: string
  readonly text: string
}

/** One thing wrong. `path` is the dotted path within the document, '' for the whole of it. */
export interface Problem {
  readonly file: string
  readonly line: number
  readonly path: string
  readonly reason: string
}

export interface SourceDocument {
  readonly file: string
  readonly value: unknown
  /** The line of the value at a path, or of the nearest thing around it that exists. */
  lineOf(path: readonly (string | number)[]): number
}

/** A definition file is written by hand; a larger one is a mistake or an attack. */
const MAX_FILE_CHARACTERS = 1_000_000

/** Reads a file's documents (separated by `---`). A file that is not YAML gives only problems. */
export function parseDocuments(file: SourceFile): {
  readonly documents: readonly SourceDocument[]
  readonly problems: readonly Problem[]
} {
  const at = (line: number, reason: string): Problem => ({
    file: file.path,
    line,
    path: '',
    reason,
  })
  if (file.text.length > MAX_FILE_CHARACTERS)
    return { documents: [], problems: [at(1, 'the file is longer than 1,000,000 characters')] }
  const lines = new LineCounter()
  const parsed = parseAllDocuments(file.text, {
    lineCounter: lines,
    strict: true,
    uniqueKeys: true,
    prettyErrors: false,
  })
  const documents: SourceDocument[] = []
  const problems: Problem[] = []
  for (const document of Array.isArray(parsed) ? parsed : []) {
    for (const error of document.errors)
      problems.push(at(lines.linePos(error.pos[0]).line, `not valid YAML: ${error.message}`))
    if (document.errors.length > 0 || document.contents === null) continue
    const root = document.contents as Node
    try {
      const value: unknown = document.toJS({ maxAliasCount: 50 })
      documents.push({ file: file.path, value, lineOf: (path) => lineOf(root, path, lines) })
    } catch {
      problems.push(at(1, 'its aliases expand to too much'))
    }
  }
  return { documents, problems }
}

function lineOf(root: Node, path: readonly (string | number)[], lines: LineCounter): number {
  let node: unknown = root
  let offset = root.range?.[0] ?? 0
  for (const step of path) {
    if (isMap(node)) {
      // The key's line, not the value's: a block begins on the line after its key.
      const pair = node.items.find((item) => String(item.key) === String(step))
      if (pair === undefined) break
      offset = (pair.key as Node).range?.[0] ?? offset
      node = pair.value
    } else {
      const items = (node as { items?: readonly unknown[] } | null)?.items
      const item = items?.[Number(step)]
      if (item === undefined || item === null) break
      offset = (item as Node).range?.[0] ?? offset
      node = item
    }
  }
  return lines.linePos(offset).line
}
