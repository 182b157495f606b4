/**
 * `server.json` in a data directory: where the server that runs on it can be asked. Written when it
 * listens and removed when it stops; a killed server leaves it behind, so it is a hint and no proof.
 */
import { readFile, rename, rm, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import Type from 'typebox'
import { Check } from 'typebox/value'

const ServerFile = Type.Object({
  url: Type.String(),
  pid: Type.Integer({ minimum: 1 }),
  version: Type.String(),
})
export type ServerFile = Type.Static<typeof ServerFile>

const pathIn = (directory: string): string => join(directory, 'server.json')

/** Replaced as a whole: a reader sees the old one or the new one. */
export async function writeServerFile(directory: string, content: ServerFile): Promise<void> {
  const draft = `${pathIn(directory)}.${process.pid}`
  await writeFile(draft, `${JSON.stringify(content)}\n`)
  await rename(draft, pathIn(directory))
}

export const removeServerFile = (directory: string): Promise<void> =>
  rm(pathIn(directory), { force: true })

/** What a living process wrote; undefined where there is none, or its writer is gone. */
export async function readServerFile(directory: string): Promise<ServerFile | undefined> {
  let content: unknown
  try {
    content = JSON.parse(await readFile(pathIn(directory), 'utf8'))
  } catch {
    return undefined
  }
  return Check(ServerFile, content) && isAlive(content.pid) ? content : undefined
}

function isAlive(pid: number): boolean {
  try {
    process.kill(pid, 0)
    return true
  } catch (error) {
    // It lives, and belongs to somebody else.
    return (error as NodeJS.ErrnoException).code === 'EPERM'
  }
}
