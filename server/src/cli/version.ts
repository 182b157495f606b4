/** The product's version, as its package.json has it. */
import { readFileSync } from 'node:fs'
import { packagePath } from '../package-root.ts'

export function packageVersion(): string {
  const { version } = JSON.parse(readFileSync(packagePath('package.json'), 'utf8')) as {
    readonly version: string
  }
  return version
}
