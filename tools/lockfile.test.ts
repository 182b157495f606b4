import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, test } from 'vitest'
import { ROOT } from './files.ts'
import { completed, missingEntries, platformOf } from './lockfile.mjs'

const lock = (packages: Record<string, object>) => ({ lockfileVersion: 3, packages })

describe('the lock file', () => {
  const text = readFileSync(join(ROOT, 'package-lock.json'), 'utf8')

  test('is complete for every platform and names no registry', () => {
    expect(missingEntries(JSON.parse(text))).toEqual([])
    expect(text).not.toMatch(/https?:\/\/[^"]*\.tgz/)
  })

  test('pins what package.json asks for, exactly', () => {
    const manifest = JSON.parse(readFileSync(join(ROOT, 'package.json'), 'utf8'))
    const root = JSON.parse(text).packages['']
    for (const part of ['dependencies', 'devDependencies', 'optionalDependencies']) {
      expect(root[part]).toEqual(manifest[part])
      for (const version of Object.values(manifest[part])) expect(version).toMatch(/^\d[\w.-]*$/)
    }
  })
})

describe('completing', () => {
  const parent = {
    version: '1.0.0',
    dev: true,
    optionalDependencies: { '@x/lib-linux-x64-musl': '2.0.0' },
  }

  test('adds what a parent asks for, with the platform that the name tells', () => {
    const whole = completed(lock({ '': {}, 'node_modules/p': parent, 'node_modules/a': {} }))
    expect(Object.keys(whole.packages)).toEqual([
      '',
      'node_modules/@x/lib-linux-x64-musl',
      'node_modules/a',
      'node_modules/p',
    ])
    expect(whole.packages['node_modules/@x/lib-linux-x64-musl']).toEqual({
      version: '2.0.0',
      os: ['linux'],
      cpu: ['x64'],
      libc: ['musl'],
      dev: true,
      optional: true,
    })
    expect(missingEntries(whole)).toEqual([])
  })

  test('finds a package nested under its parent or beside it', () => {
    const at = (key: string) => lock({ 'node_modules/p': parent, [key]: { version: '2.0.0' } })
    expect(missingEntries(at('node_modules/p/node_modules/@x/lib-linux-x64-musl'))).toEqual([])
    expect(missingEntries(at('node_modules/@x/lib-linux-x64-musl'))).toEqual([])
    expect(missingEntries(at('node_modules/q/node_modules/@x/lib-linux-x64-musl'))).toHaveLength(1)
  })

  test('refuses to guess', () => {
    const asking = (name: string, version: string) =>
      lock({ 'node_modules/p': { optionalDependencies: { [name]: version } } })
    expect(() => missingEntries(asking('kafka', '1.0.0'))).toThrow('cannot be completed')
    expect(() => missingEntries(asking('lib-linux-x64', '^1.0.0'))).toThrow('cannot be completed')
  })

  test.each([
    ['@oxlint/binding-linux-arm-gnueabihf', { os: ['linux'], cpu: ['arm'], libc: ['glibc'] }],
    ['@biomejs/cli-darwin-arm64', { os: ['darwin'], cpu: ['arm64'] }],
    ['@oxc-parser/binding-win32-ia32-msvc', { os: ['win32'], cpu: ['ia32'] }],
    ['left-pad', undefined],
  ])('%s', (name, platform) => {
    expect(platformOf(name)).toEqual(platform)
  })
})
