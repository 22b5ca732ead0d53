// The page: a form to sign in, and buttons that use the session. Whatever comes from elsewhere is shown as text and never as HTML.
import {CookieSession, TokenSession} from "./authly.js"

const element = (id) => document.getElementById(id)
const sessions = {cookie: new CookieSession(), tokens: new TokenSession(show)}
let by = "cookie" // which of them is in use
let shown = Promise.resolve()

// show shows who is signed in, or the form: one after the other, since tabs may have more to say while this one asks.
function show() {
  shown = shown.catch(() => {}).then(async () => {
    for (const kind of Object.keys(sessions)) {
      const user = await sessions[kind].who()
      if (user === null) continue
      by = kind
      draw(`${user.username} is signed in by ${kind}`)
      return
    }
    draw("")
  })
  return shown
}

function draw(who) {
  element("sign-in").hidden = who !== ""
  element("signed-in").hidden = who === ""
  element("answer").hidden = true
  element("who").textContent = who
}

// attempt does something and says how it went.
async function attempt(what, act) {
  element("said").textContent = ""
  try {
    await act()
    element("said").textContent = `${what}: done`
  } catch (error) {
    element("said").textContent = `${what}: ${error.message}`
    if (error.status === 401) await show()
  }
}

async function showAnswer(path, options) {
  const answer = await sessions[by].send(path, options)
  element("answer").textContent = await answer.text()
  element("answer").hidden = false
}

element("sign-in").addEventListener("submit", (event) => {
  event.preventDefault()
  const form = event.target
  const given = new FormData(form)
  attempt("Sign in", async () => {
    by = given.get("by")
    await sessions[by].signIn(given.get("username"), given.get("password"), given.has("remember"))
    form.reset()
    await show()
  })
})

const buttons = {
  "call": ["Call", () => showAnswer("/api/hello?from=spa")],
  "change": ["Change", () => showAnswer("/api/things", {method: "POST", json: {name: "a thing"}})],
  "refresh": ["Refresh", () => sessions[by].refresh()],
  "sign-out": ["Sign out", async () => { await sessions[by].signOut(); await show() }],
}
for (const [id, [what, act]] of Object.entries(buttons)) {
  element(id).addEventListener("click", () => attempt(what, act))
}

attempt("Load", show)
