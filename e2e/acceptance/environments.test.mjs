// An environment is asked for, approved, made while one watches, used with a password shown once, and removed.
import assert from 'node:assert/strict'
import { execFile } from 'node:child_process'
import { existsSync, readdirSync } from 'node:fs'
import { after, before, test } from 'node:test'
import { promisify } from 'node:util'
import { accessibility, signInAs, startBrowser } from '../fixtures/browser.mjs'
import { startPortal } from '../fixtures/portal.mjs'

const run = promisify(execFile)
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

  test(`from the request to the verified end, ${how}`, async () => {
    const context = await chromium.window({ javaScriptEnabled })
    const dana = await signInAs(context, portal, /Dana Okafor/, '/environments/new?template=postgres-sandbox')

    // refused: what was typed stays, and what is wrong stands at its field
    await dana.getByLabel('Service').fill('no-such-service')
    await dana.getByLabel('Connections at once').fill('99')
    await dana.getByLabel('What it is for').fill('Try the new ledger')
    await dana.getByRole('button', { name: 'Ask for approval' }).click()
    await dana.getByText('no service that you may see is called so', { exact: false }).first().waitFor()
    assert.equal(await dana.getByLabel('What it is for').inputValue(), 'Try the new ledger')
    await look(dana, `ask-refused-${javaScriptEnabled}`)
    await dana.getByLabel('Service').fill('payments-api')
    await dana.getByRole('button', { name: 'Ask for approval' }).click()
    await dana.getByText('must be at most', { exact: false }).first().waitFor()
    await dana.getByLabel('Connections at once').fill('5')
    await dana.getByRole('button', { name: 'Ask for approval' }).click()
    await dana.waitForURL(/\/requests\/\d+$/)
    const request = new URL(dana.url()).pathname

    const others = await chromium.window({ javaScriptEnabled })
    const lena = await signInAs(others, portal, /Lena Fischer/, request)
    await lena.getByRole('button', { name: /Approve/ }).click()
    await lena.waitForURL(/\/requests|\/approvals/)

    const href = await newest(dana)
    await dana.goto(portal.url + href)
    if (javaScriptEnabled) {
      // nobody reloads: what the job does appears by itself
      await dana.getByText('read back: role, limits and database', { exact: false }).waitFor()
      await dana.getByRole('button', { name: 'Reveal how to connect' }).waitFor()
    } else {
      await reloadUntil(dana, () => dana.getByRole('button', { name: 'Reveal how to connect' }).isVisible())
    }
    await look(dana, `ready-${javaScriptEnabled}`)

    await lena.goto(portal.url + href)
    assert.equal(await lena.getByRole('button', { name: 'Reveal how to connect' }).count(), 0, 'only the requester')

    await dana.getByRole('button', { name: 'Reveal how to connect' }).click()
    const url = (await dana.getByLabel('Address with password').innerText()).trim()
    assert.match(url, /^postgresql:\/\/.+:.+@127\.0\.0\.1:\d+\//)
    await look(dana, `credentials-${javaScriptEnabled}`, { secret: true })
    assert.equal(await psql(url, 'create table ledger (x int); insert into ledger values (42); select x from ledger'), '42')
    await assert.rejects(psql(url.replace(/:[^:@/]+@/, ':wrong@'), 'select 1'), /password authentication failed/)
    await dana.goto(portal.url + href)
    assert.ok(!(await dana.content()).includes(new URL(url).password), 'it is nowhere on the page')

    await dana.getByRole('link', { name: 'Ask for more time' }).click()
    await dana.getByLabel('What it is needed longer for').fill('The load test runs longer')
    await look(dana, `extend-${javaScriptEnabled}`)
    await dana.getByRole('button', { name: 'Ask for approval' }).click()
    await dana.waitForURL(/\/requests\/\d+$/)

    await dana.goto(portal.url + href)
    await dana.getByRole('button', { name: 'End now' }).click()
    await dana.getByRole('button', { name: 'End it now' }).click()
    if (javaScriptEnabled) await dana.getByText('nothing was found', { exact: false }).waitFor()
    else await reloadUntil(dana, async () => (await dana.content()).includes('nothing was found'))
    await look(dana, `ended-${javaScriptEnabled}`)
    await assert.rejects(psql(url, 'select 1'))

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

/** The environment that this person asked for last. */
async function newest(page) {
  await page.goto(`${portal.url}/environments?mine=1`)
  return page.locator('a.row-link').first().getAttribute('href')
}

async function reloadUntil(page, holds) {
  for (let attempt = 0; attempt < 100; attempt++) {
    if (await holds()) return
    await new Promise((done) => setTimeout(done, 100))
    await page.reload()
  }
  assert.fail(`it did not come about on ${page.url()}`)
}

/** Checks what the page offers to those who do not see it; keeps a picture of it in all widths and themes when asked. */
async function look(page, name, { secret = false } = {}) {
  if (await page.evaluate(() => typeof window !== 'undefined')) assert.deepEqual(await accessibility(page), [], name)
  if (!shots || secret) return
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

/** What a client that has only the address can do. */
async function psql(url, sql) {
  const folders = [process.env.PG_BINDIR, ...debian(), '/opt/homebrew/bin', '/usr/bin', '/usr/local/bin']
  const binary = folders.map((folder) => `${folder}/psql`).find((path) => existsSync(path)) ?? 'psql'
  const { stdout } = await run(binary, ['-X', '-q', '-t', '-A', '-v', 'ON_ERROR_STOP=1', '-c', sql, url])
  return stdout.trim()
}

function debian() {
  const root = '/usr/lib/postgresql'
  return existsSync(root) ? readdirSync(root).map((version) => `${root}/${version}/bin`) : []
}
