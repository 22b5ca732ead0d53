// An application that believes no header but a signed one: it greets whom X-Authly-Assertion names, after it has checked that
// Authly signed it, for this application, a moment ago, and about this request.
'use strict'

const { createServer } = require('node:http')
const { createRemoteJWKSet, jwtVerify } = require('jose')

// What has to be known beforehand. None of it may come from the request.
const {
  ADDRESS = '127.0.0.1:3000',
  ISSUER = 'http://localhost:8080', // tokens.issuer of Authly, by default its server.public_url
  KEYS = `${ISSUER}/.well-known/jwks.json`,
  ALGORITHM = 'EdDSA', // tokens.algorithm of Authly, EdDSA if that is empty or HS…
  AUDIENCE = 'wiki', // the audience of the route, by default its name
  APP_HOST = 'localhost', // by which this application is asked for
} = process.env

const keys = createRemoteJWKSet(new URL(KEYS)) // remembers them, and reads them again when there is a new one

// caller returns the claims of who sent a request, and fails if that is not known. Of two headers Node makes one that is none.
async function caller(request) {
  const { payload } = await jwtVerify(request.headers['x-authly-assertion'] ?? '', keys, {
    algorithms: [ALGORITHM],
    typ: 'authly-assertion+jwt', // and no other kind of token, signed by keys of the same set
    issuer: ISSUER,
    audience: AUDIENCE,
    maxTokenAge: '60s',
    clockTolerance: '5s',
  })
  if (payload.exp === undefined || payload.method !== request.method || payload.host !== APP_HOST) {
    throw new Error('an assertion about another request')
  }
  return payload
}

const server = createServer(async (request, response) => {
  response.setHeader('Content-Type', 'text/plain; charset=utf-8')
  try {
    const who = await caller(request)
    response.end(`hello ${who.username}, your roles are ${JSON.stringify(who.roles)}\n`)
  } catch (reason) {
    console.error(`refused: ${reason.message}`)
    response.writeHead(401).end('Not authenticated\n')
  }
})

const [, name, port] = ADDRESS.match(/^(.*):(\d+)$/)
server.listen(Number(port), name)
