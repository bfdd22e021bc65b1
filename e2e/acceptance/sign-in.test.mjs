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
    await context.close()
  })

  test(`signing out ends the session here and at the provider, ${how}`, async () => {
    const context = await chromium.window({ javaScriptEnabled })
    const page = await signInAs(context, portal, /Dana Okafor/, '/audit')
    await page.getByText('Dana Okafor').first().click()
    await page.getByRole('button', { name: 'Sign out' }).click()
    await page.waitForURL(/\/signed-out/)
    const answer = await page.goto(`${portal.url}/audit`)
    assert.ok(!answer.url().startsWith(`${portal.url}/audit`), 'the audit log is closed again')
    await context.close()
  })
}

test('a session outlives a restart of the portal', async () => {
  const context = await chromium.window()
  const page = await signInAs(context, portal, /Lena Fischer/, '/audit')
  await portal.stop()
  const again = await startPortal({ data: portal.folder, env: { RAMPART_ADDR: portal.settings.RAMPART_ADDR, RAMPART_EVALUATION_OIDC_ADDR: portal.settings.RAMPART_EVALUATION_OIDC_ADDR } })
  portal = { ...again, url: portal.url }
  await page.goto(`${portal.url}/audit`)
  assert.equal(new URL(page.url()).pathname, '/audit')
  await context.close()
})

test('a form sent after the session ended is kept and can be sent again', async () => {
  const context = await chromium.window()
  const page = await signInAs(context, portal, /Dana Okafor/, '/account/tokens')
  await page.getByLabel('Name').fill('kept over the sign-in')
  await page.getByLabel('catalog:read').check()
  await context.clearCookies()
  await page.getByRole('button', { name: /Issue token/ }).click()
  await page.getByRole('button', { name: /Dana Okafor/ }).click()
  await page.getByRole('button', { name: 'Send it now' }).click()
  await page.getByText('kept over the sign-in').first().waitFor()
  await context.close()
})
