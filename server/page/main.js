/**
 * Starts the page: which view the address asks for, the live stream while somebody looks, sign-in
 * where the server wants it. The stream stops while the tab is hidden.
 */
import { live, Refused, signedIn, signIn } from './api.js'
import { customerView } from './customer.js'
import { decisionView } from './decision.js'
import { h } from './dom.js'
import { overview } from './overview.js'
import { back } from './parts.js'

const main = document.querySelector('#main')
const health = document.querySelector('#health')

const state = { view: null, viewing: null, streaming: null, snapshot: null, first: true }

const ROUTES = [
  [/^#\/decisions\/(.+)$/, decisionView],
  [/^#\/customers\/(.+)$/, customerView],
  [/^(#\/?)?$/, overview],
]

async function show() {
  state.viewing?.abort()
  const viewing = new AbortController()
  state.viewing = viewing
  if (!signedIn()) return place({ title: 'Sign in', element: signInForm() })
  const hash = location.hash
  const [pattern, open] = ROUTES.find(([it]) => it.test(hash)) ?? [/()/, nowhere]
  try {
    const view = await open(viewing.signal, decodeURIComponent(pattern.exec(hash)?.[1] ?? ''))
    if (viewing.signal.aborted) return
    place(view)
    if (state.snapshot !== null) view.update?.(state.snapshot)
  } catch (error) {
    if (viewing.signal.aborted) return
    if (error instanceof Refused && error.status === 401) return show()
    place({
      title: 'Not found',
      element: h(
        'div',
        {},
        back(),
        h('h1', {}, 'That did not work'),
        h('p', { class: 'lead' }, error.message),
      ),
    })
  }
}

const nowhere = () => ({
  title: 'Not found',
  element: h('div', {}, back(), h('h1', {}, 'There is nothing here')),
})

function place(view) {
  state.view = view
  document.title = `${view.title} · Opportune`
  main.replaceChildren(view.element)
  // A new view is read from its top; the first one leaves the focus where the browser put it.
  if (!state.first) {
    main.focus({ preventScroll: true })
    scrollTo(0, 0)
  }
  state.first = false
}

function signInForm() {
  const said = h('p', { class: 'said', role: 'alert' })
  const token = h('input', { id: 'token', type: 'password', autocomplete: 'off', required: true })
  const submit = async (event) => {
    event.preventDefault()
    try {
      await signIn(token.value)
      void stream()
      await show()
    } catch (error) {
      said.textContent =
        error instanceof Refused
          ? 'That token is not the operator’s.'
          : 'The server does not answer.'
    }
  }
  return h(
    'form',
    { class: 'signin', onsubmit: submit },
    h('h1', {}, 'Sign in'),
    h('label', { for: 'token' }, 'Operator token'),
    token,
    h(
      'p',
      { class: 'quiet' },
      'It stands in credentials.json in the data directory. The page trades it for a session of 12 hours that can only read.',
    ),
    said,
    h('button', { type: 'submit' }, 'Open'),
  )
}

function showHealth(kind, text) {
  if (health.textContent === text) return
  health.className = `health ${kind}`
  health.textContent = text
}

function onEvent(name, data) {
  if (name !== 'snapshot') return showHealth('bad', `Trouble: ${data.code}`)
  state.snapshot = data
  state.view?.update?.(data)
  if (data.health.live && data.health.ready) showHealth('good', 'Ready')
  else showHealth('bad', `Not ready: ${data.health.reasons.join('; ')}`)
}

async function stream() {
  if (state.streaming !== null || document.hidden || !signedIn()) return
  const streaming = new AbortController()
  state.streaming = streaming
  for (let wait = 500; !streaming.signal.aborted; wait = Math.min(wait * 2, 10_000)) {
    try {
      await live((name, data) => {
        wait = 500
        onEvent(name, data)
      }, streaming.signal)
    } catch (error) {
      if (error instanceof Refused && error.status === 401) break
    }
    if (streaming.signal.aborted) return
    showHealth('bad', 'Not connected')
    await new Promise((resolve) => setTimeout(resolve, wait))
  }
  if (state.streaming === streaming) state.streaming = null
  if (!signedIn()) {
    showHealth('', 'Signed out')
    void show()
  }
}

function stop() {
  state.streaming?.abort()
  state.streaming = null
}

addEventListener('hashchange', () => {
  // The link that skips to the content is no address of a view.
  if (location.hash !== '#main') void show()
})
document.addEventListener('visibilitychange', () => (document.hidden ? stop() : void stream()))
if (!signedIn()) showHealth('', 'Signed out')
void show()
void stream()
