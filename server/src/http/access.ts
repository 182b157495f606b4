/**
 * Who may do what.
 *
 * - A write key (Segment's word) names a producer and may only send events.
 * - The operator token may read and operate. The command line finds it in the data directory.
 * - A read session may read and ends by itself. The page gets one: embedded where it is served on
 *   loopback, else in exchange for the operator token, which the browser then does not keep.
 *
 * Secrets are compared by their SHA-256, so that the time a comparison takes says nothing. Sessions
 * are signed with a key made at the start: a restart ends all of them, and none is stored.
 */
import { createHash, createHmac, randomBytes, timingSafeEqual } from 'node:crypto'
import { OpportuneError } from '#engine'

export type Role = 'read' | 'operate'

const SESSION = 's1'

const digest = (secret: string): Buffer => createHash('sha256').update(secret).digest()

/** The write key of a request: Basic authentication's user name, or what its body says. */
export function basicUser(authorization: string | undefined): string | null {
  const encoded = /^Basic +([A-Za-z0-9+/_=-]+)$/i.exec(authorization ?? '')?.[1]
  if (encoded === undefined) return null
  const [user = ''] = Buffer.from(encoded, 'base64').toString('utf8').split(':')
  return user === '' ? null : user
}

const bearer = (authorization: string | undefined): string | null =>
  /^Bearer +(\S+)$/i.exec(authorization ?? '')?.[1] ?? null

/** The write keys there are; an empty list lets everybody in (only ever on loopback). */
export class WriteKeys {
  /** Hex digest to a label that is no secret. */
  readonly #labels: ReadonlyMap<string, string>

  constructor(keys: readonly string[]) {
    this.#labels = new Map(keys.map((key, i) => [digest(key).toString('hex'), `key-${i + 1}`]))
  }

  /** A label for the key, for limits and metrics; null where it is unknown. */
  label(key: string | null): string | null {
    if (this.#labels.size === 0) return 'anyone'
    return key === null ? null : (this.#labels.get(digest(key).toString('hex')) ?? null)
  }
}

export class Tokens {
  readonly #operator: Buffer
  readonly #secret = randomBytes(32)
  readonly #now: () => number

  constructor(operatorToken: string, now: () => number) {
    this.#operator = digest(operatorToken)
    this.#now = now
  }

  /** @throws http_unauthorized, http_forbidden */
  require(authorization: string | undefined, role: Role): void {
    const token = bearer(authorization)
    if (token === null) throw new OpportuneError('http_unauthorized', 'A bearer token is needed.')
    const has = this.#roleOf(token)
    if (has === null)
      throw new OpportuneError('http_unauthorized', 'The token is unknown or has expired.')
    if (role === 'operate' && has !== 'operate')
      throw new OpportuneError('http_forbidden', 'A read session was sent.')
  }

  /** A session that may read for `ttlMs`. */
  readSession(ttlMs: number): { readonly token: string; readonly expiresAt: number } {
    const expiresAt = this.#now() + ttlMs
    const body = `${SESSION}.${expiresAt.toString(36)}`
    return { token: `${body}.${this.#sign(body)}`, expiresAt }
  }

  #roleOf(token: string): Role | null {
    if (timingSafeEqual(digest(token), this.#operator)) return 'operate'
    const [version, expiry = '', signature = ''] = token.split('.')
    if (version !== SESSION) return null
    const genuine = timingSafeEqual(digest(signature), digest(this.#sign(`${SESSION}.${expiry}`)))
    return genuine && Number.parseInt(expiry, 36) > this.#now() ? 'read' : null
  }

  #sign(body: string): string {
    return createHmac('sha256', this.#secret).update(body).digest('base64url')
  }
}
