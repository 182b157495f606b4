/**
 * One owner per data directory.
 *
 * The owner listens on a Unix socket in the directory for as long as it lives; the kernel closes it
 * with the process, however that ends. So "can it be connected to" tells a living owner from a dead
 * one without trusting process ids, which are used again. (LMDB's own reader table would do too, but
 * its locks vanish when anything in the process closes another descriptor of the lock file.)
 *
 * Who owns is a record in LMDB, changed by compare-and-set in a write transaction, which excludes
 * every other process: of two that both found a dead owner only one takes its place. Every commit
 * compares the record's token again (`assertOwned`), so an owner whose socket file was removed, and
 * who was therefore taken for dead, can write nothing more.
 */
import { randomUUID } from 'node:crypto'
import { closeSync, openSync, rmSync } from 'node:fs'
import { connect, createServer, type Server } from 'node:net'
import { join, relative } from 'node:path'
import { OpportuneError } from '../../errors.ts'
import { type Environment, transact } from './environment.ts'
import { decodeJson, encodeJson, ownerKey, type StoredOwner } from './layout.ts'

export interface Ownership {
  /** For use inside a write transaction. @throws log_fenced */
  assertOwned(): void
  release(): Promise<void>
}

/** How often an owner that dies while we look at it is looked at again. */
const ATTEMPTS = 10

/** @throws log_owned */
export async function takeOwnership(environment: Environment): Promise<Ownership> {
  const self: StoredOwner = { token: randomUUID(), pid: process.pid }
  const { directory } = environment
  const server = await withSocketPath(directory, self.token, listen)
  try {
    for (let attempt = 0; attempt < ATTEMPTS; attempt++) {
      const former = readOwner(environment)
      if (former !== undefined && (await isAlive(directory, former)))
        throw new OpportuneError('log_owned', `Process ${former.pid} has the log open.`, {
          pid: former.pid,
        })
      if (!replaceOwner(environment, former, self)) continue
      if (former !== undefined) removeSocket(directory, former)
      return ownership(environment, self, server)
    }
    throw new OpportuneError('log_owned', 'Other processes keep taking the log.')
  } catch (error) {
    await closeServer(server)
    removeSocket(directory, self)
    throw error
  }
}

function ownership(environment: Environment, self: StoredOwner, server: Server): Ownership {
  return {
    assertOwned() {
      if (readOwner(environment)?.token !== self.token)
        throw new OpportuneError('log_fenced', 'Another process took the data directory.')
    },
    async release() {
      transact(environment, 0, () => {
        if (readOwner(environment)?.token === self.token) environment.meta.removeSync(ownerKey)
      })
      await closeServer(server)
      removeSocket(environment.directory, self)
    },
  }
}

function readOwner(environment: Environment): StoredOwner | undefined {
  const bytes = environment.meta.getBinary(ownerKey)
  return bytes === undefined ? undefined : decodeJson<StoredOwner>(bytes)
}

/** @returns false where the owner is another one by now than the one that was looked at */
function replaceOwner(
  environment: Environment,
  former: StoredOwner | undefined,
  self: StoredOwner,
): boolean {
  let replaced = false
  transact(environment, 0, () => {
    if (readOwner(environment)?.token !== former?.token) return
    environment.meta.putSync(ownerKey, encodeJson(self))
    replaced = true
  })
  return replaced
}

const socketName = (token: string): string => `owner-${token}.sock`

function removeSocket(directory: string, owner: StoredOwner): void {
  rmSync(join(directory, socketName(owner.token)), { force: true })
}

function isAlive(directory: string, owner: StoredOwner): Promise<boolean> {
  return withSocketPath(
    directory,
    owner.token,
    (path) =>
      new Promise<boolean>((resolve) => {
        const socket = connect(path)
        socket.once('connect', () => {
          socket.destroy()
          resolve(true)
        })
        socket.once('error', () => resolve(false))
      }),
  )
}

function listen(path: string): Promise<Server> {
  return new Promise((resolve, reject) => {
    const server = createServer((socket) => socket.destroy())
    server.once('error', reject)
    server.listen(path, () => {
      // The lock must not keep a process alive that has nothing else to do.
      server.unref()
      resolve(server)
    })
  })
}

function closeServer(server: Server): Promise<void> {
  return new Promise((resolve) => server.close(() => resolve()))
}

/** A socket's path has room for about 104 bytes, whatever the system allows elsewhere. */
const PATH_ROOM = 100

/** Finds a short enough way to the socket, through a descriptor of the directory if need be. */
async function withSocketPath<T>(
  directory: string,
  token: string,
  use: (path: string) => Promise<T>,
): Promise<T> {
  const direct = join(directory, socketName(token))
  for (const path of [direct, relative(process.cwd(), direct)])
    if (Buffer.byteLength(path) <= PATH_ROOM) return await use(path)
  const descriptor = openSync(directory, 'r')
  try {
    return await use(`/proc/self/fd/${descriptor}/${socketName(token)}`)
  } finally {
    closeSync(descriptor)
  }
}
