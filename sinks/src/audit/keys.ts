/**
 * The signing key of seals: from the environment, or a file that is made on first start, readable by
 * its owner alone. The public key stands beside it, to be copied to where verifiers are.
 */
import { createPrivateKey, createPublicKey, generateKeyPairSync, type KeyObject } from 'node:crypto'
import {
  closeSync,
  fsyncSync,
  mkdirSync,
  openSync,
  readFileSync,
  statSync,
  writeSync,
} from 'node:fs'
import { dirname } from 'node:path'
import { OpportuneError } from '#engine'
import { keyId, type SigningKey } from './seal.ts'

export interface KeyPlace {
  /** PKCS#8, PEM. Made where it does not exist. */
  readonly file: string
  /** The key itself (PKCS#8, PEM), where a secret store hands it over; the file is then not used. */
  readonly pem?: string | undefined
}

/** @throws audit_key_unusable */
export function openSigningKey(place: KeyPlace): SigningKey {
  const pem = place.pem ?? existing(place.file) ?? create(place.file)
  const privateKey = parse(pem, place.pem === undefined ? place.file : 'the environment')
  const publicKey = createPublicKey(privateKey)
  return { id: keyId(publicKey), privateKey, publicKey }
}

/** @throws audit_key_unusable */
export function readPublicKey(pem: string): KeyObject {
  try {
    return createPublicKey(pem)
  } catch (error) {
    throw new OpportuneError('audit_key_unusable', 'A public key does not read.', {}, error)
  }
}

function parse(pem: string, from: string): KeyObject {
  let key: KeyObject | undefined
  let cause: unknown
  try {
    key = createPrivateKey(pem)
  } catch (error) {
    cause = error
  }
  if (key?.asymmetricKeyType !== 'ed25519')
    throw new OpportuneError('audit_key_unusable', `No Ed25519 key in ${from}.`, {}, cause)
  return key
}

function existing(file: string): string | undefined {
  try {
    const { mode } = statSync(file)
    if ((mode & 0o077) !== 0)
      throw new OpportuneError('audit_key_unusable', `Others may read ${file} (wanted: mode 600).`)
    return readFileSync(file, 'utf8')
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return undefined
    if (error instanceof OpportuneError) throw error
    throw new OpportuneError('audit_key_unusable', `${file} cannot be read.`, {}, error)
  }
}

function create(file: string): string {
  const { privateKey, publicKey } = generateKeyPairSync('ed25519')
  const pem = privateKey.export({ type: 'pkcs8', format: 'pem' }).toString()
  mkdirSync(dirname(file), { recursive: true })
  // The public key first: a private key whose public half was lost with a crash would never be shown.
  writeNew(`${file}.pub`, publicKey.export({ type: 'spki', format: 'pem' }).toString(), 'w')
  writeNew(file, pem, 'wx')
  return pem
}

/** `wx`: nobody else may read it, and no other process may have made it meanwhile. */
function writeNew(file: string, text: string, flag: 'w' | 'wx'): void {
  const fd = openSync(file, flag, flag === 'wx' ? 0o600 : 0o644)
  try {
    writeSync(fd, text)
    fsyncSync(fd)
  } finally {
    closeSync(fd)
  }
}
