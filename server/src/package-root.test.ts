import { mkdirSync, mkdtempSync, realpathSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import { findPackageRoot, packagePath } from './package-root.ts'

describe('findPackageRoot', () => {
  let place = ''
  beforeEach(() => {
    place = realpathSync(mkdtempSync(join(tmpdir(), 'opportune-root-')))
  })
  afterEach(() => rmSync(place, { recursive: true, force: true }))

  const manifest = (directory: string, name: string) => {
    mkdirSync(join(place, directory), { recursive: true })
    writeFileSync(join(place, directory, 'package.json'), JSON.stringify({ name }))
  }

  test('walks past manifests of other names, as from dist/ or bin/', () => {
    manifest('.', 'opportune')
    manifest('dist/server', 'something-else')
    mkdirSync(join(place, 'dist/server/src'), { recursive: true })
    expect(findPackageRoot(join(place, 'dist/server/src'))).toBe(place)
  })

  test('says so where there is no package above', () => {
    manifest('.', 'something-else')
    expect(() => findPackageRoot(place)).toThrow('no package.json of opportune')
  })
})

test('packagePath points into this package', () => {
  expect(findPackageRoot(packagePath('engine/src'))).toBe(packagePath('.'))
})
