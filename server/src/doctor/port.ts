/** Whether the server could listen where it would. */
import { createServer } from 'node:net'
import { answers } from '../cli/backend/health.ts'
import type { Check } from './check.ts'

export async function portCheck(host: string, port: number): Promise<Check> {
  const basics = { id: 'port', title: `port ${port} on ${host}`, required: false }
  const refused = await tryListen(host, port)
  if (refused === null) return { ...basics, status: 'ok', found: 'free' }
  if (refused === 'EADDRINUSE' && (await answers(`http://${bracketed(host)}:${port}`)))
    return { ...basics, status: 'ok', found: 'a server of ours answers there' }
  return {
    ...basics,
    status: 'warning',
    found: refused === 'EADDRINUSE' ? 'another program listens there' : refused,
    cost: 'The server cannot listen there.',
    fix: ['./bin/opportune start --port NUMBER'],
  }
}

const bracketed = (host: string): string => (host.includes(':') ? `[${host}]` : host)

/** @returns the system's code where it refused */
const tryListen = (host: string, port: number): Promise<string | null> =>
  new Promise((resolve) => {
    const server = createServer()
    server.once('error', (error: NodeJS.ErrnoException) => resolve(error.code ?? error.message))
    server.listen({ host, port, exclusive: true }, () => server.close(() => resolve(null)))
  })
