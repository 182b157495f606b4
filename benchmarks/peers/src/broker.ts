/**
 * A single-node Kafka broker (KRaft) of the benchmark's own, from Maven artifacts, on given cores.
 *
 * It never uses a broker that is there already: cores are pinned and data is on a tmpfs, which is half
 * of what makes figures comparable, and topics of others must not be near what is deleted here.
 */
import { mkdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { pinned } from './pinned.ts'
import { classPath, PEERS } from './places.ts'
import { complete, type Processes } from './processes.ts'

const READY_MS = 60_000
const FORMAT_MS = 60_000
const BUILD_MS = 600_000
const HEAP = '1g'
/** Any 16 bytes in base64: a cluster of one node has nobody to be told apart from. */
const CLUSTER_ID = 'b3Bwb3J0dW5lLXBlZXJzLQ'

export interface BrokerOptions {
  readonly directory: string
  readonly port: number
  readonly cpus: string
}

/** Compiles the tools and resolves the broker. @throws Error where Java or Maven is missing */
export async function buildBroker(processes: Processes): Promise<void> {
  const maven = [
    '-q',
    '-B',
    '-ntp',
    '-f',
    join(PEERS, 'jvm', 'pom.xml'),
    'package',
    '-pl',
    'tools,broker',
  ]
  await complete(processes, processes.start('java', ['-version']), 'java -version', FORMAT_MS)
  await complete(processes, processes.start('mvn', maven), 'mvn package', BUILD_MS)
}

/** @returns the address for clients, once it answers */
export async function startBroker(processes: Processes, options: BrokerOptions): Promise<string> {
  const { directory, port, cpus } = options
  const config = join(directory, 'server.properties')
  mkdirSync(directory, { recursive: true })
  writeFileSync(config, properties(options))
  const java = ['-cp', classPath('broker'), `-Dlog4j2.configurationFile=${logging(directory)}`]
  const format = ['kafka.tools.StorageTool', 'format', '-t', CLUSTER_ID, '-c', config]
  const formatting = processes.start('java', ['-Xmx256m', ...java, ...format])
  await complete(processes, formatting, 'formatting the broker’s storage', FORMAT_MS)
  const [command, args] = pinned(cpus, 'java', [
    `-Xms${HEAP}`,
    `-Xmx${HEAP}`,
    ...java,
    'kafka.Kafka',
    config,
  ])
  const running = processes.start(command, args)
  await new Promise<void>((resolve, reject) => {
    const timer = setTimeout(() => reject(new Error('the broker was not ready in time')), READY_MS)
    running.onLine((line) => {
      if (!line.includes('Kafka Server started')) return
      clearTimeout(timer)
      resolve()
    })
    void running.ended.then((code) => {
      clearTimeout(timer)
      reject(new Error(`the broker ended with code ${code}:\n${running.tail()}`))
    })
  })
  return `127.0.0.1:${port}`
}

function logging(directory: string): string {
  const file = join(directory, 'log4j2.properties')
  writeFileSync(
    file,
    `status=error
appender.c.type=Console
appender.c.name=c
appender.c.layout.type=PatternLayout
appender.c.layout.pattern=%p %c{1} %m%n
rootLogger.level=warn
rootLogger.appenderRef.c.ref=c
logger.k.name=kafka.server.KafkaRaftServer
logger.k.level=info
`,
  )
  return file
}

function properties({ directory, port }: BrokerOptions): string {
  const client = `127.0.0.1:${port}`
  const controller = `127.0.0.1:${port + 1}`
  return `process.roles=broker,controller
node.id=1
controller.quorum.voters=1@${controller}
listeners=PLAINTEXT://${client},CONTROLLER://${controller}
advertised.listeners=PLAINTEXT://${client}
controller.listener.names=CONTROLLER
listener.security.protocol.map=CONTROLLER:PLAINTEXT,PLAINTEXT:PLAINTEXT
inter.broker.listener.name=PLAINTEXT
log.dirs=${join(directory, 'logs')}
auto.create.topics.enable=false
num.partitions=1
default.replication.factor=1
min.insync.replicas=1
offsets.topic.replication.factor=1
offsets.topic.num.partitions=4
transaction.state.log.replication.factor=1
transaction.state.log.min.isr=1
transaction.state.log.num.partitions=4
share.coordinator.state.topic.replication.factor=1
share.coordinator.state.topic.min.isr=1
share.coordinator.state.topic.num.partitions=4
group.initial.rebalance.delay.ms=0
log.retention.ms=-1
log.retention.bytes=-1
# Topics of a run are gone before the next begins.
log.segment.delete.delay.ms=1000
`
}
