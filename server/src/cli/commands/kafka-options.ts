/** Options of the commands that run on Kafka. */
import { Option } from 'commander'

export interface KafkaCliOptions {
  readonly brokers?: string
  readonly prefix?: string
  readonly eventsTopic?: string
  readonly instance?: string
  readonly duties: boolean
}

export const kafkaOptions = (): readonly Option[] => [
  new Option(
    '--brokers <list>',
    'where Kafka is, host:port[,host:port]; users and passwords come from the environment',
  ).env('OPPORTUNE_KAFKA_BROKERS'),
  new Option(
    '--prefix <text>',
    'in front of the names of topics, groups and transactions; by default opportune.',
  ).env('OPPORTUNE_KAFKA_PREFIX'),
  new Option(
    '--events-topic <name>',
    "a topic of somebody else's with raw events, read in place of ours",
  ).env('OPPORTUNE_KAFKA_EVENTS_TOPIC'),
  new Option(
    '--instance <name>',
    'the name of this process among those that share the log, the same at every start; by default the name of the machine',
  ).env('OPPORTUNE_INSTANCE'),
  new Option(
    '--no-duties',
    'leave sealing, the outbox and analytics to another process of the same log',
  ),
]
