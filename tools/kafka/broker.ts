/**
 * A real Kafka broker for tests: one node (KRaft) on 127.0.0.1, from Maven's artefacts, run by the
 * Java of this machine. Nothing of it is installed; the class path is cached for the user.
 *
 * Three listeners on free ports: plaintext (user ANONYMOUS, may do anything), SASL without encryption
 * (PLAIN and SCRAM-SHA-256/512; `admin` may do anything, `guest` nothing), and the controller's.
 *
 * Data live in a directory of their own, in memory where the machine has such a place, and go with
 * the broker. Everything has a time limit; what is missing is told as a reason, not as an error.
 */
import { type ChildProcess, execFile, spawn } from 'node:child_process'
import {
  accessSync,
  constants,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  renameSync,
  rmSync,
  writeFileSync,
} from 'node:fs'
import { createServer } from 'node:net'
import { homedir, tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'

const VERSION = '4.3.1'
/** Beside this file among the sources; `dist/` holds no copy. */
const SOURCE = import.meta.url.endsWith('.ts')
const POM = fileURLToPath(
  new URL(SOURCE ? 'pom.xml' : '../../../tools/kafka/pom.xml', import.meta.url),
)
const FETCH_MS = 240_000
const START_MS = 60_000
const STOP_MS = 10_000

/** Passwords of the test users; the broker listens on the loopback address only. */
export const TEST_USERS = { admin: 'admin-of-the-tests', guest: 'guest-of-the-tests' } as const

export interface Broker {
  /** `host:port` of the plaintext listener. */
  readonly brokers: string
  /** `host:port` of the SASL listener. */
  readonly sasl: string
  /** As a power failure would: no goodbye, the data stay. */
  kill(): Promise<void>
  /** Starts it again after `kill`, at the same addresses, on the same data. */
  restart(): Promise<void>
  /** Ends it and removes its data. */
  stop(): Promise<void>
}

/** Why there is no broker to be had on this machine; undefined where there is. */
export async function missing(): Promise<string | undefined> {
  const java = await run('java', ['-version'], 10_000).catch(() => undefined)
  const major = /version "(\d+)/.exec(java ?? '')?.[1]
  if (major === undefined) return 'no Java here, and KAFKA_BROKERS is not set'
  if (Number(major) < 17) return `Java ${major} is here, a broker needs 17`
  if (existsSync(join(cache(), 'complete'))) return undefined
  const maven = await run('mvn', ['-v'], 20_000).catch(() => undefined)
  return maven === undefined ? 'no Maven here, and KAFKA_BROKERS is not set' : undefined
}

/** @throws Error with the broker's last words */
export async function startBroker(extra: readonly string[] = []): Promise<Broker> {
  const libs = await classPath()
  const data = mkdtempSync(join(inMemory(), 'opportune-kafka-'))
  const [client = 0, sasl = 0, controller = 0] = await freePorts(3)
  const properties = join(data, 'server.properties')
  writeFileSync(properties, settings({ data, client, sasl, controller, extra }).join('\n'))
  writeFileSync(join(data, 'log4j2.properties'), LOGGING.join('\n'))
  const java = [`-Dlog4j2.configurationFile=${join(data, 'log4j2.properties')}`, '-cp', `${libs}/*`]
  try {
    await run(
      'java',
      ['-Xmx256m', '-XX:TieredStopAtLevel=1', ...java, ...format(properties)],
      START_MS,
    )
    const process = new BrokerProcess(data, [...java, 'kafka.Kafka', properties])
    await process.start()
    return {
      brokers: `127.0.0.1:${client}`,
      sasl: `127.0.0.1:${sasl}`,
      kill: () => process.end('SIGKILL'),
      restart: () => process.start(),
      async stop() {
        await process.end('SIGTERM')
        rmSync(data, { recursive: true, force: true })
      },
    }
  } catch (error) {
    rmSync(data, { recursive: true, force: true })
    throw error
  }
}

class BrokerProcess {
  readonly #output: string
  readonly #args: readonly string[]
  #child: ChildProcess | undefined

  constructor(data: string, args: readonly string[]) {
    this.#output = join(data, 'broker.log')
    this.#args = args
  }

  async start(): Promise<void> {
    const child = spawn('java', ['-Xmx512m', '-XX:+UseSerialGC', ...this.#args], {
      stdio: ['ignore', 'pipe', 'inherit'],
    })
    this.#child = child
    // Whoever is interrupted leaves no broker behind.
    const orphan = (): void => void child.kill('SIGKILL')
    process.once('exit', orphan)
    child.once('exit', () => process.off('exit', orphan))
    let said = ''
    let ready = (): void => {}
    let failed: (error: Error) => void = () => {}
    child.stdout?.on('data', (bytes: Buffer) => {
      said = (said + bytes.toString()).slice(-4_000)
      if (said.includes('Kafka Server started')) ready()
    })
    child.once('error', (error) => failed(error))
    child.once('exit', (code) => failed(new Error(`the broker ended with ${code}:\n${said}`)))
    const timer = setTimeout(() => failed(new Error(`not ready in time:\n${said}`)), START_MS)
    try {
      await new Promise<void>((resolve, reject) => {
        ready = resolve
        failed = reject
      })
    } catch (error) {
      child.kill('SIGKILL')
      writeFileSync(this.#output, said)
      throw error
    } finally {
      clearTimeout(timer)
    }
  }

  async end(signal: 'SIGTERM' | 'SIGKILL'): Promise<void> {
    const child = this.#child
    if (child === undefined || child.exitCode !== null || child.signalCode !== null) return
    const gone = new Promise<void>((resolve) => child.once('exit', () => resolve()))
    child.kill(signal)
    const timer = setTimeout(() => child.kill('SIGKILL'), STOP_MS)
    await gone
    clearTimeout(timer)
  }
}

/** The directory with the broker's jars, fetched once. */
async function classPath(): Promise<string> {
  const libs = cache()
  if (existsSync(join(libs, 'complete'))) return libs
  mkdirSync(dirname(libs), { recursive: true })
  const fetched = mkdtempSync(`${libs}-`)
  const goal = [
    'dependency:copy-dependencies',
    '-DincludeScope=runtime',
    `-DoutputDirectory=${fetched}`,
  ]
  try {
    await run('mvn', ['-q', '-B', '-f', POM, `-Dkafka.version=${VERSION}`, ...goal], FETCH_MS)
    writeFileSync(join(fetched, 'complete'), VERSION)
    if (!existsSync(join(libs, 'complete'))) renameSync(fetched, libs)
  } catch (error) {
    // Another run may have been quicker; what it fetched is as good.
    if (!existsSync(join(libs, 'complete'))) throw error
  } finally {
    rmSync(fetched, { recursive: true, force: true })
  }
  return libs
}

const cache = (): string =>
  join(process.env['XDG_CACHE_HOME'] ?? join(homedir(), '.cache'), 'opportune', `kafka-${VERSION}`)

function inMemory(): string {
  try {
    accessSync('/dev/shm', constants.W_OK)
    // Containers often have no more than 64 MB there.
    const size = /^\S+ \/dev\/shm \S+ \S*?size=(\d+)k/m.exec(
      readFileSync('/proc/mounts', 'utf8'),
    )?.[1]
    if (size !== undefined && Number(size) < 2_000_000) return tmpdir()
    return '/dev/shm'
  } catch {
    return tmpdir()
  }
}

async function freePorts(count: number): Promise<number[]> {
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

function format(properties: string): readonly string[] {
  const users = Object.entries(TEST_USERS).flatMap(([name, password]) =>
    ['SCRAM-SHA-256', 'SCRAM-SHA-512'].flatMap((mechanism) => [
      '--add-scram',
      `${mechanism}=[name=${name},password=${password}]`,
    ]),
  )
  // Twenty-two characters of base64: any will do for a cluster that nobody else joins.
  const cluster = ['-t', 'opportuneopportuneopQQ']
  return ['kafka.tools.StorageTool', 'format', ...cluster, '-c', properties, ...users]
}

interface Place {
  readonly data: string
  readonly client: number
  readonly sasl: number
  readonly controller: number
  readonly extra: readonly string[]
}

function settings({ data, client, sasl, controller, extra }: Place): readonly string[] {
  const logins = Object.entries(TEST_USERS).map(([name, password]) => `user_${name}="${password}"`)
  const plain = `org.apache.kafka.common.security.plain.PlainLoginModule required ${logins.join(' ')};`
  const scram = 'org.apache.kafka.common.security.scram.ScramLoginModule required;'
  return [
    'process.roles=broker,controller',
    'node.id=1',
    `controller.quorum.voters=1@127.0.0.1:${controller}`,
    `listeners=CLIENT://127.0.0.1:${client},SASL://127.0.0.1:${sasl},CONTROLLER://127.0.0.1:${controller}`,
    `advertised.listeners=CLIENT://127.0.0.1:${client},SASL://127.0.0.1:${sasl}`,
    'listener.security.protocol.map=CLIENT:PLAINTEXT,SASL:SASL_PLAINTEXT,CONTROLLER:PLAINTEXT',
    'controller.listener.names=CONTROLLER',
    'inter.broker.listener.name=CLIENT',
    'sasl.enabled.mechanisms=PLAIN,SCRAM-SHA-256,SCRAM-SHA-512',
    `listener.name.sasl.plain.sasl.jaas.config=${plain}`,
    `listener.name.sasl.scram-sha-256.sasl.jaas.config=${scram}`,
    `listener.name.sasl.scram-sha-512.sasl.jaas.config=${scram}`,
    'authorizer.class.name=org.apache.kafka.metadata.authorizer.StandardAuthorizer',
    'super.users=User:ANONYMOUS;User:admin',
    `log.dirs=${join(data, 'logs')}`,
    'auto.create.topics.enable=false',
    'default.replication.factor=1',
    'offsets.topic.replication.factor=1',
    'offsets.topic.num.partitions=4',
    'transaction.state.log.replication.factor=1',
    'transaction.state.log.min.isr=1',
    'transaction.state.log.num.partitions=4',
    'share.coordinator.state.topic.replication.factor=1',
    'share.coordinator.state.topic.min.isr=1',
    'group.initial.rebalance.delay.ms=0',
    'group.min.session.timeout.ms=2000',
    // Segments are preallocated in memory: small indexes keep hundreds of test topics cheap.
    'log.index.size.max.bytes=65536',
    // After a kill the broker waits for its dead self's session to end.
    'broker.session.timeout.ms=2000',
    'broker.heartbeat.interval.ms=500',
    ...extra,
  ]
}

const LOGGING = [
  'status=error',
  'appender.c.type=Console',
  'appender.c.name=c',
  'appender.c.layout.type=PatternLayout',
  'appender.c.layout.pattern=%p %c{1} %m%n',
  'rootLogger.level=info',
  'rootLogger.appenderRef.c.ref=c',
]

/** @returns what the program wrote */
function run(command: string, args: readonly string[], timeout: number): Promise<string> {
  return new Promise((resolve, reject) => {
    execFile(command, [...args], { timeout, maxBuffer: 1 << 24 }, (error, stdout, stderr) => {
      if (error === null) resolve(stdout + stderr)
      // oxlint-disable-next-line prefer-promise-reject-errors
      else reject(new Error(`${command} failed: ${stderr.slice(-2_000) || error.message}`))
    })
  })
}
