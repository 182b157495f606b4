/**
 * Where the package lies on disk. Files that are not code (SQL migrations, YAML, HTML, example data)
 * are read from the source tree, whether this module runs from there or from `dist/`, so that no
 * build step has to copy them.
 */
import { readFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'

const PACKAGE_NAME = 'opportune'

function isPackageRoot(directory: string): boolean {
  let text: string
  try {
    text = readFileSync(join(directory, 'package.json'), 'utf8')
  } catch {
    return false
  }
  const manifest: unknown = JSON.parse(text)
  return (
    typeof manifest === 'object' &&
    manifest !== null &&
    'name' in manifest &&
    manifest.name === PACKAGE_NAME
  )
}

/**
 * The nearest directory at or above `from` whose package.json is Opportune's own.
 * @throws Error where there is none: the files were taken out of their package
 */
export function findPackageRoot(from: string): string {
  for (let directory = from; ; ) {
    if (isPackageRoot(directory)) return directory
    const parent = dirname(directory)
    if (parent === directory)
      throw new Error(`no package.json of ${PACKAGE_NAME} at or above ${from}`)
    directory = parent
  }
}

/** Absolute path; `packagePath('.')` for others. */
const PACKAGE_ROOT = findPackageRoot(dirname(fileURLToPath(import.meta.url)))

/** Absolute path of a file of the package, given relative to its root with forward slashes. */
export const packagePath = (relative: string): string => join(PACKAGE_ROOT, ...relative.split('/'))
