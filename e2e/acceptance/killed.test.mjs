// `kill -9` of the portal itself while people ask, approve and end: started again, it has
// lost nothing that it answered, has made nothing twice, and leaves no database behind.
import assert from 'node:assert/strict'
import { after, before, test } from 'node:test'
import { freePort, startPortal } from '../fixtures/portal.mjs'
import { psql, startPostgres } from '../fixtures/postgres.mjs'
import { sessionOf } from '../fixtures/session.mjs'

const KILLS = 12
/** How long the portal lives between two kills, at most; what it is asked takes less. */
const LIVES_MS = 1_500
/** States in which nothing happens by itself soon. */
const AT_REST = ['ready', 'expiring', 'ended']
/** How long the last one may take to bring everything where it belongs. */
const SETTLES_MS = 120_000
const seed = Number(process.env.RAMPART_TEST_SEED ?? Math.floor(Math.random() * 2 ** 31))

let server, portal
before(async () => {
  server = await startPostgres()
})
after(async () => {
  await portal?.remove()
  await server?.stop()
})

/** A sequence of numbers from 0 to 1 that the seed repeats (mulberry32). */
function random(state) {
  return () => {
    state = (state + 0x6d2b79f5) | 0
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state)
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32
  }
}

/** A person's way to the API; their token outlives the portal's death. */
async function caller(subject) {
  const cookie = await sessionOf(portal, subject)
  const issued = await fetch(`${portal.url}/api/v1/tokens`, {
    method: 'POST',
    headers: { cookie, origin: portal.url, 'content-type': 'application/json' },
    body: JSON.stringify({ name: 'kills', days: 1, scopes: ['catalog:read', 'environments:read', 'environments:write', 'requests:read', 'requests:approve'] }),
  })
  const answer = await issued.json()
  assert.equal(issued.status, 201, JSON.stringify(answer))
  return async (method, path, body) => {
    const response = await fetch(`${portal.url}/api/v1${path}`, {
      method,
      headers: { authorization: `Bearer ${answer.token}`, ...(body && { 'content-type': 'application/json' }) },
      body: body && JSON.stringify(body),
    })
    const said = await response.json().catch(() => undefined)
    if (!response.ok) throw new Error(`${method} ${path}: ${response.status} ${JSON.stringify(said)}`)
    return said
  }
}

test('whenever the portal is killed, what it answered holds', async () => {
  console.log(`seed ${seed} (RAMPART_TEST_SEED repeats the moments)`)
  const moment = random(seed)
  const env = {
    RAMPART_ADDR: `127.0.0.1:${await freePort()}`,
    RAMPART_EVALUATION_OIDC_ADDR: `127.0.0.1:${await freePort()}`,
    RAMPART_PROVISIONER_URL: server.url,
  }
  portal = await startPortal({ env })
  // Ines sees everybody's, the demonstration's own among them
  const [dana, lena, ines] = [await caller('dana'), await caller('lena'), await caller('ines')]
  const asked = new Map()
  const [approved, ended] = [new Set(), new Set()]

  /** Asks, approves and ends until the portal is gone. */
  const live = async () => {
    for (;;) {
      const reason = `number ${asked.size + 1}`
      const opened = await dana('POST', '/environment-requests', { service: 'payments-api', template: 'postgres-sandbox', reason, hours: 8 })
      asked.set(opened.number, opened.hash)
      for (const [number, hash] of asked) {
        if (approved.has(number)) continue
        const { state } = await lena('GET', `/requests/${number}`)
        if (state === 'pending') await lena('POST', `/requests/${number}/approve`, { hash })
        approved.add(number)
      }
      const { items } = await dana('GET', '/environments')
      const ready = items.find(({ state, id }) => state === 'ready' && !ended.has(id))
      if (ready) {
        await dana('POST', `/environments/${ready.id}/end`)
        ended.add(ready.id)
      }
    }
  }
  let refused
  for (let kill = 0; kill < KILLS; kill++) {
    // a connection that breaks is the kill; anything that was answered and is wrong is not
    const living = live().catch((error) => { if (!(error instanceof TypeError)) refused = error })
    await new Promise((done) => setTimeout(done, moment() * LIVES_MS))
    await portal.stop('SIGKILL')
    await living
    assert.equal(refused, undefined)
    portal = await startPortal({ env: portal.settings, data: portal.folder })
  }

  const all = async () => {
    const found = []
    for (let path = '/environments?size=100'; path; ) {
      const { items, next } = await ines('GET', path)
      found.push(...items)
      path = next && `/environments?size=100&cursor=${encodeURIComponent(next)}`
    }
    return found
  }
  const asOurs = ({ purpose }) => /^number \d+$/.test(purpose)
  /** Waits until whatever was approved is carried out and all that moves has come to rest. */
  const settled = async () => {
    const end = Date.now() + SETTLES_MS
    for (;;) {
      const requests = await Promise.all([...asked.keys()].map((number) => dana('GET', `/requests/${number}`)))
      const found = await all()
      const rest = found.every(({ state }) => AT_REST.includes(state))
      if (rest && requests.every(({ state }) => state !== 'approved')) return found
      assert.ok(Date.now() < end, `still moving: ${JSON.stringify(found.map(({ name, state, failure }) => ({ name, state, failure })))}`)
      await new Promise((done) => setTimeout(done, 250))
    }
  }
  const made = () => psql(server.url, "select count(*) from pg_database where datname like 'env%'").then(Number)
  const roles = () => psql(server.url, "select count(*) from pg_roles where rolname like 'env%'").then(Number)

  const everything = await settled()
  const found = everything.filter(asOurs)
  console.log(`${KILLS} kills; ${asked.size} asked, ${approved.size} approved, ${ended.size} ended, ${found.length} made`)
  assert.ok(approved.size > 3 && ended.size > 0, 'the portal lived long enough to do something')
  for (const number of asked.keys()) await dana('GET', `/requests/${number}`)
  const purposes = found.map(({ purpose }) => purpose)
  assert.equal(new Set(purposes).size, purposes.length, 'nothing is made twice')
  for (const number of approved) {
    const { state } = await dana('GET', `/requests/${number}`)
    assert.equal(state, 'fulfilled', `request ${number} was approved`)
  }
  assert.ok(found.length >= approved.size, 'whatever was approved is made')
  for (const id of ended) assert.equal(everything.find((environment) => environment.id === id).state, 'ended')
  const running = everything.filter(({ state }) => state !== 'ended').length
  assert.deepEqual([await made(), await roles()], [running, running], 'a database and a role for each that runs')

  for (const { id, state } of found) if (state !== 'ended') await dana('POST', `/environments/${id}/end`)
  const left = (await settled()).filter(({ state }) => state !== 'ended')
  assert.deepEqual(left.filter(asOurs), [])
  assert.deepEqual([await made(), await roles()], [left.length, left.length], 'nothing is left behind')
})
