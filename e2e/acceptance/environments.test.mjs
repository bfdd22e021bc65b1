// Environments beyond the one line through them: refused forms, more time, strangers, lists and templates.
import assert from 'node:assert/strict'
import { after, before, test } from 'node:test'
import { accessibility, signInAs, startBrowser } from '../fixtures/browser.mjs'
import { startPortal } from '../fixtures/portal.mjs'

const shots = process.env.RAMPART_SHOTS

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

  test(`more time is asked for, and a stranger knows nothing of it, ${how}`, async () => {
    const context = await chromium.window({ javaScriptEnabled })
    const dana = await signInAs(context, portal, /Dana Okafor/, '/environments/new?template=postgres-sandbox')
    await dana.getByLabel('Service').fill('payments-api')
    await dana.getByLabel('Connections at once').fill('99')
    await dana.getByLabel('What it is for').fill('Try the new ledger')
    await dana.getByRole('button', { name: 'Ask for approval' }).click()
    await dana.getByText('must be at most', { exact: false }).first().waitFor()
    assert.equal(await dana.getByLabel('What it is for').inputValue(), 'Try the new ledger')
    if (javaScriptEnabled) await look(dana, `ask-refused`)
    await dana.getByLabel('Connections at once').fill('5')
    await dana.getByRole('button', { name: 'Ask for approval' }).click()
    await dana.waitForURL(/\/requests\/\d+$/)

    const others = await chromium.window({ javaScriptEnabled })
    const lena = await signInAs(others, portal, /Lena Fischer/, new URL(dana.url()).pathname)
    await lena.getByRole('button', { name: /^Approve/ }).click()
    await lena.waitForURL(/\/approvals|\/requests/)

    await dana.goto(`${portal.url}/environments?mine=1`)
    const href = await dana.locator('a.row-link').first().getAttribute('href')
    await dana.goto(portal.url + href)
    if (javaScriptEnabled) await look(dana, `made`)
    await until(dana, async () => (await dana.getByRole('link', { name: 'Ask for more time' }).count()) > 0)
    await dana.getByRole('link', { name: 'Ask for more time' }).click()
    await dana.getByLabel('What it is needed longer for').fill('The load test runs longer')
    if (javaScriptEnabled) await look(dana, `extend`)
    await dana.getByRole('button', { name: 'Ask for approval' }).click()
    await dana.waitForURL(/\/requests\/\d+$/)

    const stranger = await chromium.window({ javaScriptEnabled })
    const omar = await signInAs(stranger, portal, /Omar Haddad/)
    assert.equal((await omar.goto(portal.url + href)).status(), 404)
    for (const window of [context, others, stranger]) await window.close()
  })
}

test('lists, templates and the tab of a service hold no accessibility errors', async () => {
  const context = await chromium.window()
  const page = await signInAs(context, portal, /Pat Lindqvist/, '/environments')
  const paths = [
    '/environments', '/environments?state=all&sort=name', '/environments?mine=1', '/environments/new',
    '/environments/new?template=postgres-load-test', '/environments/templates', '/environments/templates/postgres-sandbox',
    '/catalog/component/default/payments-api/environments',
  ]
  for (const path of paths) {
    assert.equal((await page.goto(portal.url + path)).status(), 200, path)
    await look(page, `list${path.replaceAll(/\W/g, '-')}`)
  }
  await context.close()
})

test('a wrong template is refused with its line, and a right one is applied', async () => {
  const context = await chromium.window()
  const page = await signInAs(context, portal, /Pat Lindqvist/, '/environments/templates')
  const file = (text) => ({ name: 'mine.yaml', mimeType: 'application/yaml', buffer: Buffer.from(text) })
  const template = [
    'apiVersion: rampart/v1', 'kind: EnvironmentTemplate', 'metadata:', '  name: mine', '  title: Mine', 'spec:',
    '  provider: postgres', '  timeToLive:', '    default: 2d', '    max: 1d', '',
  ].join('\n')
  await page.getByLabel('Template files').setInputFiles(file(template))
  await page.getByRole('button', { name: 'Apply' }).click()
  await page.getByText('spec.timeToLive.default: must not be longer than max').first().waitFor()
  await look(page, 'templates-refused')
  await page.getByLabel('Template files').setInputFiles(file(template.replace('2d', '8h')))
  await page.getByRole('button', { name: 'Apply' }).click()
  await page.getByText('Applied mine').waitFor()
  await page.goto(`${portal.url}/environments/templates/mine`)
  await page.getByRole('button', { name: 'Retire' }).click()
  await page.getByRole('button', { name: 'Retire it' }).click()
  await page.getByText('can no longer be asked for').waitFor()
  await context.close()
})

async function until(page, holds) {
  const end = Date.now() + 90_000
  while (!(await holds())) {
    assert.ok(Date.now() < end, `it did not come about on ${page.url()}`)
    await page.reload()
  }
}

/** Checks what the page offers to those who do not see it; keeps a picture of it in all widths and themes when asked. */
async function look(page, name) {
  assert.deepEqual(await accessibility(page), [], name)
  if (!shots) return
  for (const width of [1440, 390]) {
    for (const colorScheme of ['light', 'dark']) {
      await page.setViewportSize({ width, height: 900 })
      await page.emulateMedia({ colorScheme })
      await page.screenshot({ path: `${shots}/${name}-${width}-${colorScheme}.png`, fullPage: true })
    }
  }
  await page.setViewportSize({ width: 1440, height: 900 })
  await page.emulateMedia({ colorScheme: 'light' })
}
