import { describe, expect, test } from 'vitest'
import { findError } from '#engine'
import { kafkaSettings } from './kafka-settings.ts'

const refusal = (env: Record<string, string>, choice = {}): string => {
  try {
    kafkaSettings({ brokers: 'a:1', instance: 'i', ...choice }, env)
  } catch (error) {
    return findError(error)?.message ?? String(error)
  }
  return 'taken'
}

describe('the Kafka log as it is asked for', () => {
  test('without more, a plaintext cluster under this name', () => {
    expect(kafkaSettings({ brokers: 'a:1', instance: 'i' }, {})).toEqual({
      kind: 'kafka',
      brokers: 'a:1',
      instance: 'i',
    })
  })

  test('security, foreign topic and copies', () => {
    const env = {
      OPPORTUNE_KAFKA_SECURITY: 'sasl_ssl',
      OPPORTUNE_KAFKA_SASL_MECHANISM: 'SCRAM-SHA-512',
      OPPORTUNE_KAFKA_SASL_USERNAME: 'shop',
      OPPORTUNE_KAFKA_SASL_PASSWORD: 'not to be told',
      OPPORTUNE_KAFKA_CA_FILE: 'ca.pem',
      OPPORTUNE_KAFKA_KEY_FILE: '',
      OPPORTUNE_KAFKA_REPLICATION: '3',
      OPPORTUNE_KAFKA_MIN_INSYNC: '2',
      OPPORTUNE_KAFKA_CREATE_TOPICS: 'false',
    }
    const choice = { brokers: 'a:1', instance: 'i', prefix: 'x.', eventsTopic: 'web.clicks' }
    expect(kafkaSettings(choice, env)).toEqual({
      kind: 'kafka',
      brokers: 'a:1',
      instance: 'i',
      prefix: 'x.',
      foreignTopics: { events: 'web.clicks' },
      createTopics: false,
      replicationFactor: 3,
      minInsyncReplicas: 2,
      security: {
        protocol: 'sasl_ssl',
        mechanism: 'SCRAM-SHA-512',
        username: 'shop',
        password: 'not to be told',
        caFile: 'ca.pem',
      },
    })
  })

  test.each([
    ['no brokers', {}, { brokers: ' ' }, 'Name brokers'],
    ['a name with a slash', {}, { instance: 'a/b' }, 'An instance is named'],
    ['a protocol that is none', { OPPORTUNE_KAFKA_SECURITY: 'tls' }, {}, 'is one of plaintext'],
    [
      'a mechanism without a protocol for it',
      { OPPORTUNE_KAFKA_SASL_MECHANISM: 'PLAIN' },
      {},
      'needs OPPORTUNE_KAFKA_SECURITY',
    ],
    ['no copies', { OPPORTUNE_KAFKA_REPLICATION: '0' }, {}, 'is a number of brokers'],
  ])('%s is refused', (_name, env, choice, words) => {
    expect(refusal(env as Record<string, string>, choice)).toMatch(
      new RegExp(`^log_kafka_config: .*${words}`),
    )
  })
})
