// A person signs in, is remembered, and signs out.
import assert from 'node:assert/strict'
import { after, before, test } from 'node:test'
import { signInAs, startBrowser } from '../fixtures/browser.mjs'
import { startPortal } from '../fixtures/portal.mjs'

let portal, chromium
before(async () => {
  ;[portal, chromium] = await Promise.all([startPortal(), startBrowser()])
})
after(async () => {
  await chromium?.close()
  await portal?.remove()
})

for (const javaScriptEnabled of [true, false]) {
  const how = javaScriptEnabled ? 'with scripts' : 'without scripts'

  test(`sign-in returns to the page that was asked for, ${how}`, async () => {
    const context = await chromium.window({ javaScriptEnabled })
    const page = await signInAs(context, portal, /Dana Okafor/, '/audit?outcome=denied')
    assert.equal(new URL(page.url()).pathname, '/audit')
    assert.equal(new URL(page.url()).search, '?outcome=denied')
    assert.deepEqual(page.faults, [])
    await context.close()
  })

  test(`signing out ends the session here and at the provider, ${how}`, async () => {
    const context = await chromium.window({ javaScriptEnabled })
    const page = await signInAs(context, portal, /Dana Okafor/, '/audit')
    const stolen = await context.cookies(portal.url)
    await page.getByTitle('Account of Dana Okafor').click()
    await page.getByRole('button', { name: 'Sign out' }).click()
    await page.waitForURL(/\/signed-out/)
    await page.getByRole('heading', { name: 'You are signed out' }).waitFor()
    await page.goto(`${portal.url}/audit`)
    assert.notEqual(new URL(page.url()).origin, portal.url, 'the audit log is closed again')
    await page.getByRole('button', { name: /Dana Okafor/ }).waitFor()

    await context.addCookies(stolen)
    await page.goto(`${portal.url}/audit`)
    assert.notEqual(new URL(page.url()).origin, portal.url, 'a copy of the cookie is worth nothing afterwards')
    await context.close()
  })

  test(`a form sent after the session ended is kept and can be sent again, ${how}`, async () => {
    const name = `kept over the sign-in ${how}`
    const context = await chromium.window({ javaScriptEnabled })
    const page = await signInAs(context, portal, /Dana Okafor/, '/account/tokens')
    await page.getByLabel('Name').fill(name)
    await page.getByLabel('catalog:read').check()
    await context.clearCookies()
    await page.getByRole('button', { name: /Issue token/ }).click()
    await page.getByRole('button', { name: /Dana Okafor/ }).click()
    await page.getByRole('button', { name: 'Send it now' }).click()
    await page.getByText(name).first().waitFor()
    await page.goto(`${portal.url}/account/tokens`)
    assert.equal(await page.getByRole('row', { name: new RegExp(name) }).count(), 1, 'it was done once')
    await context.close()
  })
}

test('signing in never leads to another site', async () => {
  for (const elsewhere of ['https://example.com/', '//example.com/', '/\\example.com', 'javascript:alert(1)']) {
    const context = await chromium.window()
    const page = await signInAs(context, portal, /Dana Okafor/, `/sign-in?return_to=${encodeURIComponent(elsewhere)}`)
    assert.equal(page.url(), `${portal.url}/`, elsewhere)
    await context.close()
  }
})

test('a signed-in person who is not known here before has the roles of their groups', async () => {
  const context = await chromium.window()
  const page = await signInAs(context, portal, /Pat Lindqvist/, '/audit')
  await page.getByRole('heading', { name: 'Administration' }).waitFor()
  const other = await chromium.window()
  const danas = await signInAs(other, portal, /Dana Okafor/, '/audit')
  assert.equal(await danas.getByRole('heading', { name: 'Administration' }).count(), 0)
  await context.close()
  await other.close()
})

test('a session outlives a restart of the portal, and its cookie is out of reach of scripts', async () => {
  const context = await chromium.window()
  const page = await signInAs(context, portal, /Lena Fischer/, '/audit')
  const session = (await context.cookies(portal.url)).find((cookie) => cookie.name === 'rampart_session')
  assert.ok(session.httpOnly)
  assert.equal(session.sameSite, 'Lax')
  const { folder, settings } = portal
  await portal.stop()
  const { RAMPART_ADDR, RAMPART_EVALUATION_OIDC_ADDR } = settings
  portal = await startPortal({ data: folder, env: { RAMPART_ADDR, RAMPART_EVALUATION_OIDC_ADDR } })
  await page.goto(`${portal.url}/audit`)
  assert.equal(page.url(), `${portal.url}/audit`)
  await context.close()
})
