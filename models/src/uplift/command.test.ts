import { mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { findError } from '#engine'
import { uniformFrom } from '../random.ts'
import { readArtefact } from './artefact.ts'
import { trainCommand } from './command.ts'

const createdAt = '2026-01-02T03:04:05Z'
let dir = ''

/** A trial of 900 customers in the file's own format. */
function smallTrial(): string {
  const draw = uniformFrom(5)
  const pick = (words: readonly string[]): string =>
    words[Math.floor(draw() * words.length)] as string
  const rows = Array.from({ length: 900 }, () =>
    [
      1 + Math.floor(draw() * 12),
      30 + Math.floor(draw() * 500),
      pick(['0', '1']),
      pick(['0', '1']),
      pick(['Urban', 'Rural', 'Surburban']),
      pick(['0', '1']),
      pick(['Web', 'Phone', 'Multichannel']),
      pick(['No E-Mail', 'Mens E-Mail', 'Womens E-Mail']),
      pick(['0', '0', '1']),
    ].join(','),
  )
  return `recency,history,mens,womens,zip_code,newbie,channel,segment,visit\n${rows.join('\n')}\n`
}

beforeAll(async () => {
  dir = await mkdtemp(join(tmpdir(), 'opportune-train-'))
  await writeFile(join(dir, 'trial.csv'), smallTrial())
})
afterAll(() => rm(dir, { recursive: true, force: true }))

describe('the train command', () => {
  test('[MOD-6] writes an artefact that reads back, names its data and carries its figures', async () => {
    const out = join(dir, 'model.json')
    const seen: number[] = []
    const result = await trainCommand({
      data: join(dir, 'trial.csv'),
      out,
      createdAt,
      epochs: 1,
      folds: [2],
      onProgress: (p) => seen.push(p.done / p.total),
    })
    const bytes = await readFile(out)
    expect(readArtefact(bytes)).toEqual({ ok: true, artefact: result.artefact })
    expect(result.bytes).toBe(bytes.length)
    expect(result.artefact).toMatchObject({ id: 'hillstrom-visit', createdAt, data: { rows: 900 } })
    expect(result.artefact.metrics?.policies.map((row) => row.policy)).toContain('womens-mens')
    expect(seen.at(-1)).toBe(1)
    expect(await readdir(dir)).not.toContain('model.json.tmp')
  })

  test('[MOD-6] a failed training leaves the artefact that was there', async () => {
    const out = join(dir, 'kept.json')
    await writeFile(out, 'the last good one')
    await writeFile(join(dir, 'bad.csv'), 'recency\n1\n')
    for (const [data, code] of [
      ['bad.csv', 'model_data_header'],
      ['absent.csv', 'model_data_unreadable'],
    ] as const) {
      const error = await trainCommand({ data: join(dir, data), out, createdAt }).catch(findError)
      expect(error).toMatchObject({ code })
    }
    expect(await readFile(out, 'utf8')).toBe('the last good one')
  })

  test('a target that cannot be written is an error and leaves no draft', async () => {
    const run = trainCommand({
      data: join(dir, 'trial.csv'),
      out: join(dir, 'no-such-folder', 'model.json'),
      createdAt,
      epochs: 1,
      folds: [],
    })
    await expect(run).rejects.toMatchObject({ code: 'ENOENT' })
  })
})
