// Sessions at Authly, for a page's scripts: by the session cookie, and by tokens in memory. Both have the same methods.

// Where browsers find Authly: its server.public_url. Empty where it serves this page, too.
const authly = document.documentElement.dataset.authly ?? ""

// Refused is an answer that is none of success. Its message is what Authly says is wrong.
export class Refused extends Error {
  constructor(status, problem) {
    super(problem.detail ?? `Answer ${status}`)
    this.status = status
  }
}

// send sends a request and returns the answer. Cookies go along where credentials says so, and nowhere else.
async function send(path, {method = "GET", json, headers = {}, credentials = "omit"} = {}) {
  if (json !== undefined) {
    headers = {...headers, "Content-Type": "application/json"}
  }
  const answer = await fetch(authly + path, {
    method, headers, credentials, cache: "no-store", redirect: "error", body: json === undefined ? undefined : JSON.stringify(json),
  })
  if (!answer.ok) {
    throw new Refused(answer.status, await answer.json().catch(() => ({})))
  }
  return answer
}

// me is the user of a session; null if it is nobody's.
async function me(session) {
  try {
    return await (await session.send("/users/me")).json()
  } catch (refused) {
    if (refused.status === 401) return null
    throw refused
  }
}

// CookieSession is held by the browser: the cookie is HttpOnly, and goes along with every request to Authly's host. There is nothing to
// keep, so nothing to lose to a script that got into the page, and nothing to refresh.
export class CookieSession {
  async signIn(username, password, remember) {
    await this.send("/auth/token", {method: "POST", json: {grant_type: "password", username, password, cookie: true, remember}})
  }

  // who returns the user who is signed in; null if nobody is.
  who() {
    return me(this)
  }

  // refresh has nothing to do: to ask who is signed in is a use of the session, which puts off its end by idleness.
  async refresh() {
    if (await this.who() === null) throw new Refused(401, {detail: "The session has ended"})
  }

  send(path, options = {}) {
    return send(path, {...options, credentials: "include"})
  }

  async signOut() {
    await this.send("/auth/logout", {method: "POST", json: {scope: "session"}})
  }
}

// early is how long before its end an access token counts as ended, in milliseconds: clocks differ, and requests take time.
const early = 10_000

// TokenSession holds an access and a refresh token in memory alone: not in localStorage, where they would outlive the page for any script
// to take. A tab that is opened later asks the others for them. A refresh token works once, and its second use ends the session, so that one
// tab refreshes at a time and tells the others; a tab that did not hear of it in time is forgiven by tokens.refresh_grace.
export class TokenSession {
  #pair = null // {access, refresh, expires, at}: times in milliseconds
  #tabs = new BroadcastChannel("authly")
  #changed

  // changed is called when another tab has signed in or out.
  constructor(changed) {
    this.#changed = changed
    this.#tabs.onmessage = ({data}) => this.#hear(data)
    this.#tabs.postMessage({kind: "ask"})
  }

  async signIn(username, password) {
    this.#keep(await (await send("/auth/token", {method: "POST", json: {grant_type: "password", username, password}})).json(), "in")
  }

  async who() {
    return this.#pair === null ? null : me(this)
  }

  async refresh() {
    const spent = this.#pair
    await navigator.locks.request("authly-refresh", async () => {
      if (this.#pair !== spent) return // another tab, or another request of this one, has done it
      if (spent === null) throw new Refused(401, {detail: "Not signed in"})
      try {
        const json = {grant_type: "refresh_token", refresh_token: spent.refresh}
        this.#keep(await (await send("/auth/refresh", {method: "POST", json})).json(), "on")
      } catch (refused) {
        if (refused.status === 401) this.#forget()
        throw refused
      }
    })
  }

  // send sends a request with the access token, which is refreshed when it has ended, and once more when it is refused.
  async send(path, options = {}) {
    if (this.#pair === null) throw new Refused(401, {detail: "Not signed in"})
    if (Date.now() > this.#pair.expires - early) await this.refresh()
    try {
      return await this.#sendOnce(path, options)
    } catch (refused) {
      if (refused.status !== 401) throw refused
    }
    await this.refresh()
    return this.#sendOnce(path, options)
  }

  async signOut() {
    await this.send("/auth/logout", {method: "POST", json: {scope: "session"}})
    this.#forget()
  }

  #sendOnce(path, options) {
    return send(path, {...options, headers: {...options.headers, Authorization: `Bearer ${this.#pair.access}`}})
  }

  // keep keeps an answer of the token endpoint and tells the other tabs: that somebody has signed in, or goes on.
  #keep({access_token, refresh_token, expires_in}, kind) {
    const at = Date.now()
    this.#pair = {access: access_token, refresh: refresh_token, expires: at + expires_in * 1000, at}
    this.#tabs.postMessage({kind, pair: this.#pair})
  }

  #forget() {
    this.#pair = null
    this.#tabs.postMessage({kind: "out"})
  }

  // hear takes what another tab says. Only pages of this origin can.
  #hear({kind, pair}) {
    const before = this.#pair
    if (kind === "ask") {
      if (before !== null) this.#tabs.postMessage({kind: "on", pair: before})
      return
    }
    if (kind === "out" ? before === null : pair.at <= (before?.at ?? 0)) return // nothing new
    this.#pair = kind === "out" ? null : pair
    if (kind !== "on" || before === null) this.#changed()
  }
}
