import { describe, expect, onTestFinished, test } from 'vitest'
import { encodeBatch } from './batches.fixture.ts'
import { Connection, ConnectionEnded, type ConnectionOptions } from './connection.ts'
import { FakeCluster, type FakeOptions } from './fake-broker.fixture.ts'
import { FetchSource } from './fetch-source.ts'
import { parseBrokers } from './make.ts'
import { authenticate, type SaslMechanism, SaslRefused } from './scram.ts'
import { realTiming } from './timing.ts'

/** For these tests only: signed by itself, for the name `broker.test`, until 2126. */
const CERTIFICATE = `-----BEGIN CERTIFICATE-----
MIIBnDCCAUGgAwIBAgIUGC04DIlb8ndLdnxK95+nLkCZvI0wCgYIKoZIzj0EAwIw
FjEUMBIGA1UEAwwLYnJva2VyLnRlc3QwIBcNMjYxMTIyMTUzOTEzWhgPMjEyNjEw
MjkxNTM5MTNaMBYxFDASBgNVBAMMC2Jyb2tlci50ZXN0MFkwEwYHKoZIzj0CAQYI
KoZIzj0DAQcDQgAES7r48tOUavZoM6qpvj2N4DtMULAXX1QXidd40PreXJJp86bh
NAeFUTcA+5GclA0bajBgYy7EPQFsQwK84g3FuqNrMGkwHQYDVR0OBBYEFPQhT9SK
oks8TQhXTa+1Amt0bdbDMB8GA1UdIwQYMBaAFPQhT9SKoks8TQhXTa+1Amt0bdbD
MA8GA1UdEwEB/wQFMAMBAf8wFgYDVR0RBA8wDYILYnJva2VyLnRlc3QwCgYIKoZI
zj0EAwIDSQAwRgIhANWwPFn+scPhfrZCwAGv90PbLo2MEFuyoqpYuUGzhmj1AiEA
yJyipIi3I+uetyDjglrLdF/g6Nal1fbhrThrMsQJpqM=
-----END CERTIFICATE-----`
const KEY = `-----BEGIN PRIVATE KEY-----
MIGHAgEAMBMGByqGSM49AgEGCCqGSM49AwEHBG0wawIBAQQg4fxuEfZD7YXzO5oW
fTbpGMIE34Q9uAgRaReXvSdhteehRANCAARLuvjy05Rq9mgzqqm+PY3gO0xQsBdf
VBeJ13jQ+t5ckmnzpuE0B4VRNwD7kZyUDRtqMGBjLsQ9AWxDArziDcW6
-----END PRIVATE KEY-----`

const USER = { username: 'reader', password: 'säcret, = sign' }
const MECHANISMS: readonly SaslMechanism[] = ['PLAIN', 'SCRAM-SHA-256', 'SCRAM-SHA-512']

async function cluster(options: FakeOptions): Promise<FakeCluster> {
  const made = await FakeCluster.start(1, options)
  onTestFinished(() => made.stop())
  made.topic('t', 1)
  made.append('t', 0, await encodeBatch({ records: [{ offset: 0 }] }))
  return made
}

async function open(
  at: FakeCluster,
  options: Partial<ConnectionOptions>,
): Promise<Connection | ConnectionEnded> {
  const [address] = at.addresses
  try {
    const made = await Connection.open(address as { host: string; port: number }, {
      clientId: 'test',
      connectMs: 1_000,
      requestMs: 1_000,
      maxResponseBytes: 1 << 20,
      timing: realTiming,
      ...options,
    })
    onTestFinished(async () => made.close())
    return made
  } catch (error) {
    return error as ConnectionEnded
  }
}

describe('SCRAM', () => {
  test('says what RFC 7677 says in its example', async () => {
    const said: string[] = []
    const answers = [
      'r=rOprNGfwEbeRWgbNEkqO%hvYDpWUa2RaTCAfuxFIlj)hNlF$k0,s=W22ZaJ0SNY7soEsUEjb6gQ==,i=4096',
      'v=6rriTRBi23WpRR/wtup+mMhUZUn/dB5nLTJRsjl95G4=',
    ]
    const send = async (message: Buffer): Promise<Buffer> => {
      said.push(message.toString())
      return Buffer.from(answers[said.length - 1] ?? '')
    }
    const user = { mechanism: 'SCRAM-SHA-256', username: 'user', password: 'pencil' } as const
    await authenticate(user, 'rOprNGfwEbeRWgbNEkqO', send)
    expect(said).toEqual([
      'n,,n=user,r=rOprNGfwEbeRWgbNEkqO',
      'c=biws,r=rOprNGfwEbeRWgbNEkqO%hvYDpWUa2RaTCAfuxFIlj)hNlF$k0,p=dHzbZapWIk4jUhN+Ute9ytag9zjfMHgsqmmiz7AndVQ=',
    ])
  })

  test.each([
    ['another nonce', 'r=other,s=c2FsdA==,i=4096'],
    ['no addition to the nonce', 'r=nonce,s=c2FsdA==,i=4096'],
    ['no salt', 'r=nonce1,s=,i=4096'],
    ['too few iterations', 'r=nonce1,s=c2FsdA==,i=1'],
    ['iterations that would take for ever', 'r=nonce1,s=c2FsdA==,i=2000000000'],
    ['noise', 'hello'],
  ])('a challenge with %s is refused, before the password is used', async (_name, challenge) => {
    let messages = 0
    const send = async (): Promise<Buffer> => {
      messages++
      return Buffer.from(challenge)
    }
    const user = { mechanism: 'SCRAM-SHA-512', username: 'u', password: 'p' } as const
    await expect(authenticate(user, 'nonce', send)).rejects.toThrow(SaslRefused)
    expect(messages).toBe(1)
  })
})

describe('logins', () => {
  test.each(MECHANISMS)('%s opens the way, a wrong password does not', async (mechanism) => {
    const at = await cluster({ sasl: { mechanisms: MECHANISMS, ...USER } })
    expect(await open(at, { sasl: { mechanism, ...USER } })).toBeInstanceOf(Connection)
    const refused = await open(at, { sasl: { mechanism, ...USER, password: 'wrong' } })
    expect(refused).toMatchObject({ kind: 'refused', message: 'SASL authentication failed' })
    // The broker answers nothing to who has not logged in.
    const nobody = (await open(at, {})) as Connection
    await expect(
      nobody.request({ key: 3, version: 12, flexible: true }, Buffer.from([1, 0, 0, 0]), () => 0),
    ).rejects.toThrow(ConnectionEnded)
  })

  test('a broker that does not know the password itself is not believed', async () => {
    const at = await cluster({ sasl: { mechanisms: MECHANISMS, ...USER, impostor: true } })
    const sasl = { mechanism: 'SCRAM-SHA-256', ...USER } as const
    expect(await open(at, { sasl })).toMatchObject({ kind: 'refused' })
  })

  test('a mechanism that the broker does not offer is refused by name', async () => {
    const at = await cluster({ sasl: { mechanisms: ['PLAIN'], ...USER } })
    const sasl = { mechanism: 'SCRAM-SHA-256', ...USER } as const
    expect(await open(at, { sasl })).toMatchObject({
      kind: 'refused',
      message: 'the broker does not offer SCRAM-SHA-256',
    })
  })

  test('a login with an end is renewed on a new connection before the broker ends it', async () => {
    const at = await cluster({
      sasl: { mechanisms: MECHANISMS, ...USER, lifetimeMs: 100 },
    })
    const connection = await open(at, { sasl: { mechanism: 'PLAIN', ...USER } })
    expect((connection as Connection).old).toBe(false)
    await new Promise((resolve) => setTimeout(resolve, 90))
    expect((connection as Connection).old).toBe(true)

    const from = source(at, { mechanism: 'PLAIN', ...USER })
    const before = at.broker(1).connections
    from.assign([{ topic: 't', partition: 0, offset: 1 }])
    from.resume([{ topic: 't', partition: 0 }])
    for (let i = 0; i < 4; i++)
      expect(await from.poll({ maxRecords: 1, maxBytes: 1, waitMs: 100 })).toEqual([])
    expect(at.broker(1).connections - before).toBeGreaterThan(3)
  })

  test('wrong credentials are a failure of the source, told without them', async () => {
    const at = await cluster({ sasl: { mechanisms: MECHANISMS, ...USER } })
    const from = source(at, { mechanism: 'scram-sha-512', ...USER, password: 'not-this-one' })
    from.assign([{ topic: 't', partition: 0, offset: 0 }])
    const [event] = await from.poll({ maxRecords: 1, maxBytes: 1, waitMs: 1_000 })
    expect(event).toMatchObject({ kind: 'failed', error: { code: 'log_kafka_credentials' } })
    expect(JSON.stringify(event)).not.toContain('not-this-one')
  })

  test('a mechanism we do not have is unsupported, before any broker is asked', async () => {
    const at = await cluster({})
    const from = source(at, { mechanism: 'GSSAPI', ...USER })
    from.assign([{ topic: 't', partition: 0, offset: 0 }])
    const events = await from.poll({ maxRecords: 1, maxBytes: 1, waitMs: 50 })
    expect(events).toEqual([{ kind: 'unsupported', reason: 'mechanism GSSAPI' }])
    expect(at.broker(1).connections).toBe(0)
  })

  function source(
    at: FakeCluster,
    sasl: { mechanism: string; username: string; password: string },
  ): FetchSource {
    const made = new FetchSource({
      brokers: at.addresses,
      clientId: 'test',
      kafkaName: (topic) => topic,
      maxBufferedBytes: 1 << 20,
      fetchWaitMs: 20,
      sasl,
    })
    onTestFinished(() => made.close())
    return made
  }
})

describe('TLS', () => {
  const secure = { tls: { cert: CERTIFICATE, key: KEY } }

  test('a certificate that we trust, for the name we ask for, opens the way', async () => {
    const at = await cluster({ ...secure, sasl: { mechanisms: MECHANISMS, ...USER }, pieces: 7 })
    const tls = { ca: CERTIFICATE, servername: 'broker.test' }
    const sasl = { mechanism: 'SCRAM-SHA-256', ...USER } as const
    expect(await open(at, { tls, sasl })).toBeInstanceOf(Connection)
  })

  test.each([
    [
      'one that nobody we trust has signed',
      { servername: 'broker.test' },
      /SELF_SIGNED|self-signed/,
    ],
    ['one for another name', { ca: CERTIFICATE, servername: 'other.test' }, /ALTNAME/],
    ['one for a name, where an address was asked for', { ca: CERTIFICATE }, /ALTNAME/],
  ])('%s is not accepted', async (_name, tls, reason) => {
    const at = await cluster(secure)
    const ended = await open(at, { tls })
    expect(ended).toMatchObject({ kind: 'lost' })
    expect((ended as ConnectionEnded).message).toMatch(reason)
  })

  test('a broker that speaks plainly to TLS, and one that speaks TLS to us, end the attempt', async () => {
    const plain = await cluster({})
    expect(await open(plain, { tls: { ca: CERTIFICATE }, connectMs: 200 })).toMatchObject({
      kind: 'lost',
    })
    const guarded = await cluster(secure)
    expect(await open(guarded, { requestMs: 200 })).toMatchObject({ kind: 'lost' })
  })
})

test('addresses: lists, default port, IPv6', () => {
  expect(parseBrokers('a:1, b ,[::1]:3,')).toEqual([
    { host: 'a', port: 1 },
    { host: 'b', port: 9092 },
    { host: '::1', port: 3 },
  ])
})
