import { readFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'
import type { Command } from 'commander'
import { describe, expect, test } from 'vitest'
import { Session } from './cli/command.ts'
import { FORMATS } from './cli/commands/replay.ts'
import { MemoryIo } from './cli/io.fixture.ts'
import { IMPORT_FORMATS } from './imports/index.ts'
import { createProgram } from './program.ts'

const io = new MemoryIo()
const program = createProgram(new Session(io))

/** Commands that do something, with the words that name them. */
function leaves(of: Command, words: readonly string[] = []): [string, Command][] {
  return of.commands.flatMap((command): [string, Command][] =>
    command.commands.length > 0
      ? leaves(command, [...words, command.name()])
      : [[[...words, command.name()].join(' '), command]],
  )
}

const commands = leaves(program)

function helpOf(command: Command): string {
  io.out.text = ''
  command.outputHelp()
  return io.out.text
}

describe('every command', () => {
  test('is there', () => {
    expect(commands.map(([name]) => name)).toEqual([
      'start',
      'run',
      'apply',
      'replay',
      'savepoint',
      'restore',
      'topology',
      'decisions',
      'why',
      'profile',
      'query',
      'dlq list',
      'dlq redrive',
      'audit verify',
      'audit export',
      'train uplift',
      'bench ysb',
      'bench nexmark',
      'bench pipeline',
      'chaos',
      'doctor',
    ])
  })

  test.each(commands)('%s says what it does, and takes --json', (_name, command) => {
    expect(command.description()).toMatch(/^[A-Z].+[.)]/)
    expect(command.options.map((option) => option.long)).toContain('--json')
    for (const option of command.options) expect(option.description).not.toBe('')
    for (const argument of command.registeredArguments) expect(argument.description).not.toBe('')
  })

  test.each(commands)('%s shows examples of itself with options it has', (name, command) => {
    const [, examples = ''] = helpOf(command).split('\nExamples:\n')
    const lines = examples.split('\n').filter((line) => line.startsWith('  $ '))
    expect(lines.length).toBeGreaterThan(0)
    const known = command.options.map((option) => option.long)
    for (const line of lines) {
      expect(line).toContain(`./bin/opportune ${name}`)
      for (const [flag] of line.matchAll(/--[a-z][a-z-]*/g)) expect(known).toContain(flag)
    }
  })
})

test('the formats of replay are those that can be imported', () => {
  expect([...FORMATS]).toEqual([...IMPORT_FORMATS])
})

/**
 * Bare names that loading a module loads, by its static imports. What is imported on demand does not
 * count: that is the point.
 */
function loadedBy(file: string, seen = new Set<string>()): Set<string> {
  const bare = new Set<string>()
  const statements = readFileSync(file, 'utf8').matchAll(
    /^(?:import|export)\s(?!type\s)[^'"]*?from '([^']+)'/gm,
  )
  for (const [, name = ''] of statements) {
    if (!name.startsWith('.')) {
      bare.add(name)
      continue
    }
    const next = join(dirname(file), name)
    if (seen.has(next)) continue
    seen.add(next)
    for (const found of loadedBy(next, seen)) bare.add(found)
  }
  return bare
}

test('--help and --version load commander and nothing else that is large', () => {
  const entry = join(dirname(fileURLToPath(import.meta.url)), 'cli.ts')
  const large = [...loadedBy(entry)].filter((name) => !name.startsWith('node:'))
  expect(large).toEqual(['commander'])
})

test('the doctor comes without any layer: it is asked when one does not load', () => {
  const entry = join(dirname(fileURLToPath(import.meta.url)), 'doctor', 'examine.ts')
  expect([...loadedBy(entry)].filter((name) => name.startsWith('#'))).toEqual([])
})
