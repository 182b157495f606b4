/** The server's side of PLAIN and SCRAM (RFC 5802) for tests, written apart from the client's. */
import { createHash, createHmac, pbkdf2Sync } from 'node:crypto'

export interface SaslOptions {
  readonly mechanisms: readonly string[]
  readonly username: string
  readonly password: string
  readonly lifetimeMs?: number
  /** Signs as one who does not know the password. */
  readonly impostor?: boolean
}

export interface SaslSession {
  mechanism: string
  authenticated: boolean
  step: number
  first: string
  challenge: string
}

/** @returns undefined where the other side is refused */
export function saslAnswer(
  message: string,
  session: SaslSession,
  options: SaslOptions,
): string | undefined {
  const { username, password, impostor } = options
  if (session.mechanism === 'PLAIN') {
    session.authenticated = message === `\0${username}\0${password}`
    return session.authenticated ? '' : undefined
  }
  if (session.step++ === 0) {
    session.first = message.slice(3)
    const nonce = /r=(.*)/.exec(message)?.[1]
    session.challenge = `r=${nonce}server,s=${Buffer.from('salt').toString('base64')},i=4096`
    return session.challenge
  }
  const hash = session.mechanism === 'SCRAM-SHA-256' ? 'sha256' : 'sha512'
  const salted = pbkdf2Sync(
    impostor === true ? 'another' : password,
    'salt',
    4096,
    hash === 'sha256' ? 32 : 64,
    hash,
  )
  const mac = (key: Buffer, text: string): Buffer => createHmac(hash, key).update(text).digest()
  const [bare = '', proof = ''] = message.split(',p=')
  const signed = `${session.first},${session.challenge},${bare}`
  const stored = createHash(hash).update(mac(salted, 'Client Key')).digest()
  const signature = mac(stored, signed)
  const key = Buffer.from(proof, 'base64').map((byte, i) => byte ^ (signature[i] as number))
  session.authenticated = createHash(hash).update(key).digest().equals(stored)
  if (!session.authenticated && impostor !== true) return undefined
  return `v=${mac(mac(salted, 'Server Key'), signed).toString('base64')}`
}
