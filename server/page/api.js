/**
 * The read API. The session comes with the page where the server trusts the visitor, else from the
 * sign-in, which trades the operator token for it; the token itself is never kept.
 */

const KEY = 'opportune-session'
const embedded = document.querySelector('meta[name="session"]')?.getAttribute('content') ?? ''

let session = embedded || sessionStorage.getItem(KEY) || ''

export class Refused extends Error {
  constructor(problem) {
    super(problem.detail ?? problem.title ?? 'The server refused.')
    this.code = problem.code ?? ''
    this.status = problem.status ?? 0
  }
}

export const signedIn = () => session !== ''

function signOut() {
  session = ''
  sessionStorage.removeItem(KEY)
}

async function request(path, options = {}) {
  const response = await fetch(path, {
    ...options,
    headers: { authorization: `Bearer ${options.token ?? session}`, ...options.headers },
  })
  if (response.ok) return response
  if (response.status === 401 && options.token === undefined) signOut()
  throw new Refused(await response.json().catch(() => ({ status: response.status })))
}

export async function signIn(token) {
  const response = await request('/api/v1/sessions', { method: 'POST', token })
  session = (await response.json()).token
  sessionStorage.setItem(KEY, session)
}

export const read = async (path, signal) => (await request(path, { signal })).json()

/** Calls back with each event of the live stream until it ends or the signal stops it. */
export async function live(onEvent, signal) {
  const response = await request('/api/v1/live', { signal })
  const reader = response.body.pipeThrough(new TextDecoderStream()).getReader()
  for (let rest = ''; ; ) {
    const { value, done } = await reader.read()
    if (done) return
    const parts = (rest + value).split('\n\n')
    rest = parts.pop()
    for (const part of parts) {
      const [name, data] = part.split('\n')
      onEvent(name.replace('event: ', ''), JSON.parse(data.replace('data: ', '')))
    }
  }
}
