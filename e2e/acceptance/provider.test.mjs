// A real installation with somebody else's identity provider: a certified one lets people in, and one that breaks the
// rules of OpenID Connect Core 1.0, section 3.1.3.7, lets in nobody.
import assert from 'node:assert/strict'
import { mkdtemp, rm } from 'node:fs/promises'
import { createServer } from 'node:http'
import { connect } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, before, describe, test } from 'node:test'
import Provider from 'oidc-provider'
import { startBrowser, watchedPage } from '../fixtures/browser.mjs'
import { command, freePort, startPortal } from '../fixtures/portal.mjs'
import { newInstallation, startPostgres } from '../fixtures/postgres.mjs'
import { startMisbehavingProvider } from '../fixtures/provider.mjs'

const client = { id: 'rampart', secret: 'a secret between the portal and its provider' }

let postgres, installation, chromium, folder, settings
before(async () => {
  ;[postgres, chromium, folder] = await Promise.all([startPostgres(), startBrowser(), mkdtemp(join(tmpdir(), 'rampart-e2e-'))])
  installation = await newInstallation(postgres.url)
  settings = {
    DATABASE_URL: installation.serverUrl,
    RAMPART_KEY_FILE: join(folder, 'keys.json'),
    RAMPART_OIDC_CLIENT_ID: client.id,
    RAMPART_OIDC_CLIENT_SECRET: client.secret,
  }
  const environment = { PATH: process.env.PATH, RAMPART_DATABASE_ROLE: installation.role, RAMPART_OWNER_DATABASE_URL: installation.ownerUrl }
  const migrated = await command(['migrate'], environment)
  assert.equal(migrated.code, 0, migrated.err)
  const key = await command(['admin', 'key', 'new', settings.RAMPART_KEY_FILE], environment)
  assert.equal(key.code, 0, key.err)
})
after(async () => {
  await chromium?.close()
  await installation?.drop()
  await postgres?.stop()
  if (folder) await rm(folder, { recursive: true, force: true })
})

/** Whether the browser of that window is let in to a page that needs a session. */
async function isSignedIn(context, portal) {
  const answer = await context.request.get(`${portal.url}/audit`, { maxRedirects: 0 })
  return answer.status() === 200
}

describe('with a certified provider', () => {
  let portal, server
  before(async () => {
    const address = `127.0.0.1:${await freePort()}`
    server = createServer()
    await new Promise((done) => server.listen(0, '127.0.0.1', done))
    const issuer = `http://127.0.0.1:${server.address().port}`
    const provider = new Provider(issuer, {
      clients: [{
        client_id: client.id,
        client_secret: client.secret,
        redirect_uris: [`http://${address}/sign-in/callback`],
        post_logout_redirect_uris: [`http://${address}/signed-out`],
      }],
      scopes: ['openid', 'profile', 'email', 'groups'],
      claims: { openid: ['sub'], profile: ['name'], email: ['email'], groups: ['groups'] },
      cookies: { keys: ['only for this test'] },
      findAccount: (_, id) => ({
        accountId: id,
        claims: () => ({
          sub: id,
          name: `${id[0].toUpperCase()}${id.slice(1)} Certified`,
          email: `${id}@example.com`,
          groups: id === 'grace' ? ['payments', 'certified-admins'] : ['payments'],
        }),
      }),
    })
    server.on('request', provider.callback())
    portal = await startPortal({
      env: { ...settings, RAMPART_ADDR: address, RAMPART_OIDC_ISSUER: issuer, RAMPART_ADMIN_GROUPS: 'certified-admins' },
    })
  })
  after(async () => {
    await portal?.remove()
    server?.closeAllConnections()
    server?.close()
  })

  async function signIn(context, login, path) {
    const page = await watchedPage(context)
    await page.goto(portal.url + path)
    await page.getByPlaceholder('Enter any login').fill(login)
    await page.getByPlaceholder('and password').fill('any')
    await page.getByRole('button', { name: 'Sign-in' }).click()
    await page.getByRole('button', { name: 'Continue' }).click()
    await page.waitForURL((url) => url.origin === portal.url && !url.pathname.startsWith('/sign-in'))
    return page
  }

  test('a person signs in, returns to what they asked for, and has the roles of their groups', async () => {
    const context = await chromium.window()
    const page = await signIn(context, 'grace', '/audit?outcome=denied')
    assert.equal(page.url(), `${portal.url}/audit?outcome=denied`)
    await page.getByTitle('Account of Grace Certified').waitFor()
    await page.getByRole('heading', { name: 'Administration' }).waitFor()

    const others = await chromium.window()
    const other = await signIn(others, 'paul', '/audit')
    await other.getByTitle('Account of Paul Certified').waitFor()
    assert.equal(await other.getByRole('heading', { name: 'Administration' }).count(), 0)
    await context.close()
    await others.close()
  })

  test('signing out ends the session at the provider too', async () => {
    const context = await chromium.window()
    const page = await signIn(context, 'grace', '/audit')
    await page.getByTitle('Account of Grace Certified').click()
    await page.getByRole('button', { name: 'Sign out' }).click()
    await page.getByRole('button', { name: /Yes, sign me out/ }).click()
    await page.waitForURL(/\/signed-out/)
    assert.equal(await isSignedIn(context, portal), false)
    await page.goto(`${portal.url}/audit`)
    await page.getByPlaceholder('Enter any login').waitFor()
    await context.close()
  })

  test('the evaluation and its provider are neither bound nor reachable', async () => {
    const [host, port] = portal.settings.RAMPART_EVALUATION_OIDC_ADDR.split(':')
    const error = await new Promise((done) => {
      const socket = connect(Number(port), host, () => { socket.destroy(); done(undefined) })
      socket.once('error', done)
    })
    assert.equal(error?.code, 'ECONNREFUSED', 'nobody listens at RAMPART_EVALUATION_OIDC_ADDR')
    const context = await chromium.window()
    const page = await signIn(context, 'paul', '/audit')
    assert.equal(await page.getByText('This is an evaluation').count(), 0)
    for (const path of ['/.well-known/openid-configuration', '/.well-known/jwks.json', '/authorize', '/token', '/jwks', '/end-session']) {
      const answer = await context.request.get(portal.url + path, { maxRedirects: 0 })
      assert.equal(answer.status(), 404, path)
    }
    await context.close()
  })
})

describe('with a provider that breaks the rules', () => {
  let portal, provider
  before(async () => {
    provider = await startMisbehavingProvider({ clientId: client.id })
    portal = await startPortal({ env: { ...settings, RAMPART_OIDC_ISSUER: provider.issuer } })
  })
  after(async () => {
    await portal?.remove()
    await provider?.close()
  })

  async function attempt(fault) {
    provider.fault = fault
    const context = await chromium.window()
    const page = await watchedPage(context)
    await page.goto(`${portal.url}/audit`)
    return { context, page }
  }

  async function isRefused(fault, saying) {
    const { context, page } = await attempt(fault)
    await page.getByRole('heading', { name: 'Sign-in failed' }).waitFor({ timeout: 10_000 })
    assert.match(await page.getByRole('main').innerText(), saying)
    assert.equal(await isSignedIn(context, portal), false, 'no session was begun')
    assert.ok(!(await context.cookies(portal.url)).some((cookie) => cookie.name.includes('session')), 'no session cookie was set')
    await page.getByRole('link', { name: 'Sign in again' }).waitFor()
    await context.close()
  }

  async function letsIn() {
    const { context, page } = await attempt(undefined)
    await page.getByTitle('Account of Mallory Test').waitFor()
    assert.equal(page.url(), `${portal.url}/audit`)
    assert.ok(await isSignedIn(context, portal))
    await context.close()
  }

  test('it lets people in while it keeps to them', letsIn)

  for (const [fault, saying] of [
    ['iss', /claim iss/i],
    ['aud', /claim aud/i],
    ['nonce', /claim nonce/i],
    ['no nonce', /claim nonce/i],
    ['expired', /claim exp\b/i],
    ['at_hash', /claim at_hash/i],
    ['signature', /signature is wrong/i],
    ['changed', /signature is wrong/i],
    ['alg none', /not signed with an allowed algorithm/i],
    ['alg HS256', /not signed with an allowed algorithm/i],
    ['state', /not begun in this browser/i],
    ['no state', /no state/i],
    ['no code', /neither a code nor an error/i],
    ['error', /access_denied/i],
    ['error in markup', /not in the standard's form/i],
    ['invalid_grant', /refused the code: invalid_grant/i],
    ['no ID token', /no ID token/i],
  ]) {
    test(`a sign-in is refused and says why: ${fault}`, () => isRefused(fault, saying))
  }

  test('a key that is not published is refused, and once it is published it is fetched and accepted', async () => {
    await letsIn()
    await provider.rotate()
    await isRefused(undefined, /key is not among the provider's published keys/i)
    provider.publish()
    const before = provider.fetchedKeys
    await letsIn()
    assert.ok(provider.fetchedKeys > before, 'the keys were fetched again')
  })

  test('an answer cannot be used a second time, nor in another browser', async () => {
    const { context, page } = await attempt(undefined)
    const callbacks = []
    page.on('request', (request) => { if (request.url().includes('/sign-in/callback')) callbacks.push(request.url()) })
    await context.clearCookies()
    await page.goto(`${portal.url}/audit`)
    assert.equal(callbacks.length, 1)
    const stranger = await chromium.window()
    for (const window of [context, stranger]) {
      const again = await window.newPage()
      await again.goto(callbacks[0])
      await again.getByRole('heading', { name: 'Sign-in failed' }).waitFor()
    }
    assert.equal(await isSignedIn(stranger, portal), false)
    await context.close()
    await stranger.close()
  })

  test('a provider that is down is named, with what to check, and the portal lives on', async () => {
    const down = await startPortal({ env: { ...settings, RAMPART_OIDC_ISSUER: `http://127.0.0.1:${await freePort()}` } })
    const context = await chromium.window()
    const page = await watchedPage(context)
    await page.goto(`${down.url}/audit`)
    await page.getByRole('heading', { name: 'Sign-in failed' }).waitFor()
    await page.getByText(/RAMPART_OIDC_ISSUER/).waitFor()
    assert.equal((await fetch(`${down.url}/livez`)).status, 200)
    await context.close()
    await down.remove()
  })
})
