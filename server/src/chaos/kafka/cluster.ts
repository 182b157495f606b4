/**
 * The broker of a chaos run: the project's own, with a listener for each worker whose advertised
 * address is that worker's proxy, and one that is not disturbed, for the feed and for reading the outcome.
 */
import { createServer } from 'node:net'
import { type Broker, missing, startBroker } from '../../../../tools/kafka/broker.ts'
import { ChaosProxy } from './proxy.ts'

/** Silence after which the group gives a member's partitions away, ms. */
export const SESSION_MS = 3_000

export interface ChaosCluster {
  /** Where the broker is reached directly. */
  readonly brokers: string
  readonly proxies: readonly ChaosProxy[]
  /** What a worker is told the broker's address is. */
  readonly behindProxy: readonly string[]
  kill(): Promise<void>
  restart(): Promise<void>
  stop(): Promise<void>
}

/** Why no broker can be started on this machine; undefined where one can. */
export const noKafkaHere = (): Promise<string | undefined> => missing()

/** @throws Error with the broker's last words */
export async function startChaosCluster(workers: number): Promise<ChaosCluster> {
  const [direct = 0, controller = 0, ...rest] = await freePorts(2 + 2 * workers)
  const own = rest.slice(0, workers)
  const proxied = rest.slice(workers)
  const names = own.map((_, i) => `WORKER${i}`)
  const at = (name: string, port: number | undefined): string => `${name}://127.0.0.1:${port}`
  const proxies = await Promise.all(own.map((port, i) => ChaosProxy.listen(proxied[i] ?? 0, port)))
  const broker: Broker = await startBroker([
    `controller.quorum.voters=1@127.0.0.1:${controller}`,
    `listeners=${[at('CLIENT', direct), ...names.map((name, i) => at(name, own[i])), at('CONTROLLER', controller)].join(',')}`,
    `advertised.listeners=${[at('CLIENT', direct), ...names.map((name, i) => at(name, proxied[i]))].join(',')}`,
    `listener.security.protocol.map=${[...names, 'CLIENT', 'CONTROLLER'].map((name) => `${name}:PLAINTEXT`).join(',')}`,
    'num.network.threads=1',
    'num.io.threads=4',
  ])
  return {
    brokers: `127.0.0.1:${direct}`,
    proxies,
    behindProxy: proxied.map((port) => `127.0.0.1:${port}`),
    kill: () => broker.kill(),
    restart: () => broker.restart(),
    async stop() {
      await Promise.all(proxies.map((proxy) => proxy.close()))
      await broker.stop()
    },
  }
}

async function freePorts(count: number): Promise<readonly number[]> {
  const servers = Array.from({ length: count }, () => createServer())
  const ports = await Promise.all(
    servers.map(
      (server) =>
        new Promise<number>((resolve, reject) => {
          server.once('error', reject)
          server.listen(0, '127.0.0.1', () => {
            const address = server.address()
            resolve(typeof address === 'object' && address !== null ? address.port : 0)
          })
        }),
    ),
  )
  await Promise.all(servers.map((server) => new Promise((resolve) => server.close(resolve))))
  return ports
}
