/** Options that several commands share, and the parsers of their values. */
import { InvalidArgumentError, Option } from 'commander'

/** A whole number within bounds. */
export const integer =
  (least: number, most = Number.MAX_SAFE_INTEGER) =>
  (text: string): number => {
    const value = Number(text)
    if (!/^-?\d+$/.test(text) || !Number.isSafeInteger(value) || value < least || value > most)
      throw new InvalidArgumentError(
        most === Number.MAX_SAFE_INTEGER
          ? `A whole number from ${least} on is wanted.`
          : `A whole number from ${least} to ${most} is wanted.`,
      )
    return value
  }

const ISO = /^\d{4}-\d{2}-\d{2}(T\d{2}:\d{2}(:\d{2}(\.\d{1,3})?)?(Z|[+-]\d{2}:\d{2}))?$/

/** An instant as ISO 8601 says it, as ms since 1970. A date alone is its first instant in UTC. */
export function instant(text: string): number {
  const value = ISO.test(text) ? Date.parse(text) : Number.NaN
  if (!Number.isFinite(value))
    throw new InvalidArgumentError(
      'A date, or a time with its offset, is wanted: 2026-11-20T09:00:00Z.',
    )
  return value
}

/** Adds each `name=value` to those before it. */
export function pair(
  text: string,
  before: Readonly<Record<string, string>> | undefined,
): Record<string, string> {
  const at = text.indexOf('=')
  if (at < 1) throw new InvalidArgumentError('name=value is wanted.')
  return { ...before, [text.slice(0, at)]: text.slice(at + 1) }
}

export const webAddress = (text: string): string => {
  if (!URL.canParse(text) || !/^https?:$/.test(new URL(text).protocol))
    throw new InvalidArgumentError('An address such as http://localhost:8080 is wanted.')
  return text.replace(/\/+$/, '')
}

export interface DataOptions {
  readonly data: string
  readonly url?: string
}

export const DEFAULT_DATA = './data'

export const dataOption = (): Option =>
  new Option('--data <dir>', 'the data directory').env('OPPORTUNE_DATA').default(DEFAULT_DATA)

/** For commands that ask the running server, or the data directory where none runs. */
export const sourceOptions = (): readonly Option[] => [
  dataOption(),
  new Option('--url <address>', 'a running server elsewhere; its token stands in OPPORTUNE_TOKEN')
    .env('OPPORTUNE_URL')
    .argParser(webAddress),
]

/** Adds each `id` to those before it. */
const listed = (text: string, before: readonly string[] | undefined): readonly string[] => [
  ...(before ?? []),
  text,
]

/** For commands that open the state of a data directory and go on with it. */
export const dropStateOption = (): Option =>
  new Option(
    '--drop-state <operator>',
    'lose the state of an operator that is gone, or whose version has no migration; may be repeated',
  ).argParser(listed)
