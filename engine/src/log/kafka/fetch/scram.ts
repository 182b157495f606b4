/**
 * The client's side of SCRAM (RFC 5802, RFC 7677) and PLAIN (RFC 4616), as messages in and out.
 * Without channel binding, which Kafka does not have. The server's proof is checked: a broker that
 * does not know the password is not believed.
 */
import { createHash, createHmac, pbkdf2Sync, timingSafeEqual } from 'node:crypto'

export type SaslMechanism = 'PLAIN' | 'SCRAM-SHA-256' | 'SCRAM-SHA-512'

export interface SaslCredentials {
  readonly mechanism: SaslMechanism
  readonly username: string
  readonly password: string
}

/** The exchange did not go as the mechanism says. Never leaves this folder. */
export class SaslRefused extends Error {}

/** The least that RFC 7677 asks for; less would let an impostor guess passwords cheaply. */
const FEWEST_ITERATIONS = 4096
const MOST_ITERATIONS = 1_000_000

/**
 * Runs an exchange.
 * @param nonce fresh and unpredictable, printable without commas
 * @throws SaslRefused where the server's messages are wrong
 */
export async function authenticate(
  credentials: SaslCredentials,
  nonce: string,
  send: (message: Buffer) => Promise<Buffer>,
): Promise<void> {
  const { mechanism, username, password } = credentials
  if (mechanism === 'PLAIN') {
    await send(Buffer.from(`\0${username}\0${password}`))
    return
  }
  const hash = mechanism === 'SCRAM-SHA-256' ? 'sha256' : 'sha512'
  const bare = `n=${escaped(username)},r=${nonce}`
  const challenge = (await send(Buffer.from(`n,,${bare}`))).toString()
  const { salt, iterations, combined } = readChallenge(challenge, nonce)
  const without = `c=${Buffer.from('n,,').toString('base64')},r=${combined}`
  const signed = `${bare},${challenge},${without}`
  const size = hash === 'sha256' ? 32 : 64
  const salted = pbkdf2Sync(password.normalize('NFKC'), salt, iterations, size, hash)
  const hmac = (key: Buffer, text: string): Buffer => createHmac(hash, key).update(text).digest()
  const clientKey = hmac(salted, 'Client Key')
  const signature = hmac(createHash(hash).update(clientKey).digest(), signed)
  const proof = clientKey.map((byte, i) => byte ^ (signature[i] as number))
  const answer = (await send(Buffer.from(`${without},p=${Buffer.from(proof).toString('base64')}`)))
    .toString()
    .split(',')[0]
  const expected = hmac(hmac(salted, 'Server Key'), signed)
  const given = Buffer.from(answer?.startsWith('v=') === true ? answer.slice(2) : '', 'base64')
  if (given.length !== expected.length || !timingSafeEqual(given, expected))
    throw new SaslRefused('the server did not prove that it knows the password')
}

/** Commas and equals signs separate fields. */
const escaped = (name: string): string =>
  name.normalize('NFKC').replaceAll('=', '=3D').replaceAll(',', '=2C')

interface Challenge {
  readonly salt: Buffer
  readonly iterations: number
  readonly combined: string
}

function readChallenge(text: string, nonce: string): Challenge {
  const fields = new Map(text.split(',').map((field) => [field.slice(0, 2), field.slice(2)]))
  const combined = fields.get('r=') ?? ''
  const salt = Buffer.from(fields.get('s=') ?? '', 'base64')
  const iterations = Number(fields.get('i=') ?? Number.NaN)
  if (!combined.startsWith(nonce) || combined.length === nonce.length || salt.length === 0)
    throw new SaslRefused('the server sent a challenge that is none')
  if (!(iterations >= FEWEST_ITERATIONS && iterations <= MOST_ITERATIONS))
    throw new SaslRefused(`the server asks for ${iterations} iterations`)
  return { salt, iterations, combined }
}
