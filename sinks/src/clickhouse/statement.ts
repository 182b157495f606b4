/**
 * What people may ask: one statement that reads. The engine's read-only mode is the wall; this check
 * stands before it for what that mode lets through in an embedded engine, which runs with our rights
 * on the file system: `INTO OUTFILE`, the function `file`, `KILL`.
 *
 * It reads a statement only as far as needed to tell words from texts and comments, and refuses
 * whatever it is not sure of. Refusing a lawful statement costs its author a moment; the other mistake
 * costs a file.
 */
import { OpportuneError } from '#engine'

const STARTS = ['SELECT', 'WITH', 'SHOW', 'DESCRIBE', 'DESC', 'EXISTS', 'EXPLAIN']
const FORBIDDEN_WORDS = new Set(['OUTFILE', 'INFILE'])
/** Functions that read files or run programs, also where the engine takes them for harmless. */
const FORBIDDEN_CALLS = new Set(['FILE', 'CATBOOSTEVALUATE', 'EXECUTABLE'])
const MAX_LENGTH = 100_000

type Token =
  | { readonly kind: 'word'; readonly text: string }
  | { readonly kind: 'quoted' }
  | { readonly kind: 'text' }
  | { readonly kind: 'sign'; readonly text: string; readonly at: number }

/**
 * The statement without a semicolon at its end.
 * @throws analytics_query_refused
 */
export function checkStatement(sql: string): string {
  if (sql.length > MAX_LENGTH) refuse('it is longer than 100,000 characters')
  const tokens = tokensOf(sql)
  const last = tokens.at(-1)
  const ends = last?.kind === 'sign' && last.text === ';'
  const body = ends ? tokens.slice(0, -1) : tokens
  const first = body[0]
  if (first?.kind !== 'word' || !STARTS.includes(first.text))
    refuse('it does not start with a reading word')
  for (const [i, token] of body.entries()) checkToken(token, body[i + 1])
  return ends ? sql.slice(0, last.at) : sql
}

function checkToken(token: Token, next: Token | undefined): void {
  const called = next?.kind === 'sign' && next.text === '('
  if (token.kind === 'sign' && token.text === ';') refuse('it holds more than one statement')
  if (token.kind === 'word' && FORBIDDEN_WORDS.has(token.text)) refuse('it writes or reads a file')
  if (token.kind === 'word' && called && FORBIDDEN_CALLS.has(token.text))
    refuse('it calls a function that is not allowed')
  // A quoted name may hold escapes; no function needs quotes.
  if (token.kind === 'quoted' && called) refuse('it calls a function by a quoted name')
}

function refuse(reason: string): never {
  throw new OpportuneError('analytics_query_refused', `The query is refused: ${reason}.`)
}

const SPACE = /\s+/y
const WORD = /[A-Za-z_][A-Za-z0-9_]*/y
const NUMBER = /[0-9][A-Za-z0-9_.]*/y
const LINE_COMMENT = /--[^\n]*/y
const COMMENT = /\/\*[^]*?\*\//y
const TEXT = /'(?:[^'\\]|\\[^]|'')*'/y
const QUOTED = /`(?:[^`\\]|\\[^]|``)*`|"(?:[^"\\]|\\[^]|"")*"/y
const SIGN = /[-+*%=<>!|&^~?:.,;()[\]{}@]|\/(?![*/])/y

function tokensOf(sql: string): readonly Token[] {
  const tokens: Token[] = []
  let at = 0
  const take = (pattern: RegExp): string | undefined => {
    pattern.lastIndex = at
    const found = pattern.exec(sql)?.[0]
    if (found !== undefined) at += found.length
    return found
  }
  while (at < sql.length) {
    if ((take(SPACE) ?? take(LINE_COMMENT) ?? take(COMMENT)) !== undefined) continue
    const word = take(WORD)
    if (word !== undefined) tokens.push({ kind: 'word', text: word.toUpperCase() })
    else if (take(TEXT) !== undefined) tokens.push({ kind: 'text' })
    else if (take(QUOTED) !== undefined) tokens.push({ kind: 'quoted' })
    else if (take(NUMBER) === undefined)
      tokens.push({ kind: 'sign', at, text: take(SIGN) ?? unknown() })
  }
  return tokens
}

/** Heredocs (`$`), other comments (`#`), curly quotes, texts without an end. */
const unknown = (): never => refuse('it holds a sign outside of texts that is not plain SQL')
