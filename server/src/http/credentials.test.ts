import { chmod, mkdtemp, readdir, readFile, rm, stat, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, describe, expect, test } from 'vitest'
import { openCredentials, readCredentials } from './credentials.ts'

const directories: string[] = []
afterEach(async () => {
  await Promise.all(directories.splice(0).map((it) => rm(it, { recursive: true })))
})

async function directory(): Promise<string> {
  const path = await mkdtemp(join(tmpdir(), 'credentials-'))
  directories.push(path)
  return path
}

describe('credentials', () => {
  test('[API-2] are made once, for the owner only, and differ between installations', async () => {
    const data = await directory()
    expect(await readCredentials(data)).toBeUndefined()
    const first = await openCredentials(data)
    expect(first.created).toBe(true)
    expect((await stat(join(data, 'credentials.json'))).mode & 0o777).toBe(0o600)
    const { created, ...keys } = await openCredentials(data)
    expect({ ...keys, created: !created }).toEqual(first)
    expect(await readCredentials(data)).toEqual(keys)
    expect((await openCredentials(await directory())).operatorToken).not.toBe(keys.operatorToken)
  })

  test('of several first starts one wins, and all read its keys', async () => {
    const data = await directory()
    const all = await Promise.all(Array.from({ length: 8 }, () => openCredentials(data)))
    expect(all.filter((it) => it.created)).toHaveLength(1)
    expect(new Set(all.map((it) => it.operatorToken)).size).toBe(1)
    expect(await readdir(data)).toEqual(['credentials.json'])
  })

  test.each(['{', '{}', '{"version":1,"writeKeys":["short"],"operatorToken":"x"}'])(
    'a file that holds %s is refused and left as it is',
    async (content) => {
      const data = await directory()
      const path = join(data, 'credentials.json')
      await writeFile(path, content, { mode: 0o600 })
      await expect(openCredentials(data)).rejects.toMatchObject({ code: 'credentials_corrupt' })
      expect(await readFile(path, 'utf8')).toBe(content)
    },
  )

  test('a file that others may read is refused', async () => {
    const data = await directory()
    await openCredentials(data)
    await chmod(join(data, 'credentials.json'), 0o604)
    await expect(openCredentials(data)).rejects.toMatchObject({ code: 'credentials_exposed' })
  })
})
