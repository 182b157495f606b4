/**
 * The keys of an installation: `credentials.json` in its data directory, made at the first start,
 * readable by the service's user only. There are no default keys and no way to start without any
 * that does not have to be asked for.
 */
import { randomBytes } from 'node:crypto'
import { link, readFile, stat, unlink, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import Type from 'typebox'
import { Check } from 'typebox/value'
import { OpportuneError } from '#engine'

const Stored = Type.Object({
  version: Type.Literal(1),
  writeKeys: Type.Array(Type.String({ minLength: 16 }), { minItems: 1 }),
  operatorToken: Type.String({ minLength: 32 }),
})

export interface Credentials {
  readonly writeKeys: readonly string[]
  readonly operatorToken: string
}

const FILE = 'credentials.json'

/**
 * The keys of a data directory; `created` where they were made just now and should be shown once.
 * @throws credentials_corrupt, credentials_exposed (others on the machine may read the file)
 */
export async function openCredentials(
  directory: string,
): Promise<Credentials & { readonly created: boolean }> {
  const path = join(directory, FILE)
  const created = await create(path)
  return { ...(await readStored(path)), created }
}

/** The keys of a data directory, or undefined where no server has run on it. */
export async function readCredentials(directory: string): Promise<Credentials | undefined> {
  try {
    return await readStored(join(directory, FILE))
  } catch (error) {
    if (isMissing(error)) return undefined
    throw error
  }
}

async function readStored(path: string): Promise<Credentials> {
  const { mode } = await stat(path)
  // The owner's group is let in: containers mount volumes with a group of their own.
  if (process.platform !== 'win32' && (mode & 0o007) !== 0)
    throw new OpportuneError('credentials_exposed', `Its mode is ${(mode & 0o777).toString(8)}.`)
  let stored: unknown
  try {
    stored = JSON.parse(await readFile(path, 'utf8'))
  } catch (error) {
    if (!(error instanceof SyntaxError)) throw error
    throw new OpportuneError('credentials_corrupt', `${FILE} is not JSON.`)
  }
  if (!Check(Stored, stored))
    throw new OpportuneError('credentials_corrupt', `${FILE} lacks a field or has a short key.`)
  return { writeKeys: stored.writeKeys, operatorToken: stored.operatorToken }
}

/** Written whole under another name and then linked: of two first starts one wins, and none reads half a file. */
async function create(path: string): Promise<boolean> {
  if (await exists(path)) return false
  const fresh: Type.Static<typeof Stored> = {
    version: 1,
    writeKeys: [randomBytes(18).toString('base64url')],
    operatorToken: randomBytes(32).toString('base64url'),
  }
  const draft = `${path}.${process.pid}.${randomBytes(4).toString('hex')}`
  await writeFile(draft, `${JSON.stringify(fresh, null, 2)}\n`, { mode: 0o600, flag: 'wx' })
  try {
    await link(draft, path)
    return true
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'EEXIST') return false
    throw error
  } finally {
    await unlink(draft)
  }
}

async function exists(path: string): Promise<boolean> {
  try {
    await stat(path)
    return true
  } catch (error) {
    if (isMissing(error)) return false
    throw error
  }
}

const isMissing = (error: unknown): boolean =>
  error instanceof Error && (error as NodeJS.ErrnoException).code === 'ENOENT'
