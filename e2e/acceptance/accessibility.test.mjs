// Every page, as every kind of person, in both themes, wide and narrow: axe finds nothing, nothing scrolls sideways,
// the console is quiet, and the content security policy is in force.
import assert from 'node:assert/strict'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, before, test } from 'node:test'
import { accessibility, signInAs, startBrowser, watchedPage } from '../fixtures/browser.mjs'
import { pagesOf, shape } from '../fixtures/pages.mjs'
import { command, startPortal } from '../fixtures/portal.mjs'
import { newInstallation, startPostgres } from '../fixtures/postgres.mjs'
import { startMisbehavingProvider } from '../fixtures/provider.mjs'

const PEOPLE = ['Pat Lindqvist', 'Dana Okafor', 'Lena Fischer', 'Omar Haddad', 'Chika Sato', 'Inês Carvalho']
const WIDTHS = [1440, 390]
const LOOKS = ['light', 'dark'].flatMap((theme) => WIDTHS.map((width) => ({ theme, width })))

let portal, chromium
before(async () => {
  ;[portal, chromium] = await Promise.all([startPortal(), startBrowser()])
})
after(async () => {
  await chromium?.close()
  await portal?.remove()
})

/** What is wrong with the page at `url` as it stands in this window, in words. */
async function looked(page, url, width) {
  page.faults.length = 0
  const answer = await page.goto(url)
  const wrong = await accessibility(page)
  if (width < 768) {
    const over = await page.evaluate(() => document.documentElement.scrollWidth - document.documentElement.clientWidth)
    if (over > 0) wrong.push(`scrolls sideways by ${over} px`)
  }
  const policy = answer.headers()['content-security-policy'] ?? ''
  const scripts = policy.split(';').map((part) => part.trim()).find((part) => part.startsWith('script-src')) ?? ''
  if (!/'nonce-[^']{16,}'/.test(scripts)) wrong.push(`no nonce in script-src: ${policy}`)
  if (/'unsafe-inline'/.test(scripts)) wrong.push(`unsafe-inline in script-src: ${policy}`)
  if (!policy.includes("frame-ancestors 'none'")) wrong.push(`no frame-ancestors 'none': ${policy}`)
  const expected = answer.status() >= 400 ? /status of \d+/ : /$^/
  wrong.push(...page.faults.filter((fault) => !expected.test(fault)))
  return wrong
}

/** Looks at pages in every theme and width; answers a line for each thing that is wrong. */
async function look(context, urls) {
  const wrong = []
  const page = await watchedPage(context)
  const { origin } = new URL(urls[0])
  for (const { theme, width } of LOOKS) {
    await context.addCookies([{ name: 'theme', value: theme, url: origin }])
    await page.setViewportSize({ width, height: 900 })
    for (const url of urls) {
      const found = await looked(page, url, width)
      const is = await page.evaluate(() => getComputedStyle(document.documentElement).colorScheme)
      if (!is.includes(theme)) found.push(`the theme is ${is}`)
      wrong.push(...found.map((line) => `${new URL(url).pathname} ${theme} ${width}: ${line}`))
    }
  }
  await page.close()
  return wrong
}

const shapes = new Set()
const dead = new Set()
for (const person of PEOPLE) {
  test(`axe finds nothing on any page of ${person}`, async (context_) => {
    const context = await chromium.window()
    const page = await signInAs(context, portal, new RegExp(person))
    await page.close()
    const pages = await pagesOf(context.request, portal)
    const failing = pages.filter(({ status }) => status >= 500)
    assert.deepEqual(failing.map(({ path, status }) => `${path} ${status}`), [])
    // what one may ask for is linked, and leads to where one asks
    const leads = ({ status, html }) => status < 400 || (status === 403 && html.includes('href="/access/request'))
    for (const found of pages) {
      const { path, from, status } = found
      if (from && !leads(found)) dead.add(`${path} (${status}) from ${from}, as ${person}`)
    }
    assert.ok(pages.filter(({ status }) => status === 200).length >= 10, `${pages.length} pages were found`)
    const fresh = pages.filter(({ isPage, status, html }) => isPage && status !== 303 && !shapes.has(shape(html)))
    fresh.forEach(({ html }) => shapes.add(shape(html)))
    context_.diagnostic(`${pages.length} pages, ${fresh.length} of a shape not looked at yet`)
    const wrong = fresh.length === 0 ? [] : await look(context, fresh.map(({ path }) => portal.url + path))
    assert.equal(wrong.length, 0, `\n${wrong.join('\n')}`)
    await context.close()
  })
}

test('every link that was followed leads somewhere', () => {
  assert.equal(dead.size, 0, `\n${[...dead].join('\n')}`)
})

test('axe finds nothing on what one sees before a sign-in, nor where nothing is', async () => {
  const context = await chromium.window()
  const wrong = await look(context, ['/signed-out', '/sign-in/callback?state=unknown'].map((path) => portal.url + path))
  const inside = await chromium.window()
  await (await signInAs(inside, portal, /Dana Okafor/)).close()
  wrong.push(...(await look(inside, ['/nothing/here', '/catalog/component/default/no-such-thing'].map((path) => portal.url + path))))

  const page = await watchedPage(context)
  for (const width of WIDTHS) {
    await page.setViewportSize({ width, height: 900 })
    await page.goto(`${portal.url}/audit`)
    wrong.push(...(await accessibility(page)).map((line) => `choosing a person, ${width}: ${line}`))
  }
  assert.equal(wrong.length, 0, `\n${wrong.join('\n')}`)
  await context.close()
  await inside.close()
})

test('axe finds nothing on any page of an installation in which nothing is yet', async () => {
  const folder = await mkdtemp(join(tmpdir(), 'rampart-e2e-'))
  const [postgres, provider] = await Promise.all([startPostgres(), startMisbehavingProvider({ clientId: 'rampart' })])
  const installation = await newInstallation(postgres.url)
  let empty
  try {
    const env = {
      DATABASE_URL: installation.serverUrl,
      RAMPART_OWNER_DATABASE_URL: installation.ownerUrl,
      RAMPART_DATABASE_ROLE: installation.role,
      RAMPART_KEY_FILE: join(folder, 'keys.json'),
      RAMPART_OIDC_ISSUER: provider.issuer,
      RAMPART_OIDC_CLIENT_ID: 'rampart',
      RAMPART_ADMIN_GROUPS: 'administrators',
    }
    for (const words of [['migrate'], ['admin', 'key', 'new', env.RAMPART_KEY_FILE]]) {
      const done = await command(words, { PATH: process.env.PATH, ...env })
      assert.equal(done.code, 0, done.err)
    }
    empty = await startPortal({ env })
    provider.groups = ['administrators']
    const context = await chromium.window()
    const page = await watchedPage(context)
    await page.goto(empty.url)
    await page.getByTitle('Account of Mallory Test').waitFor()
    await page.close()
    const pages = (await pagesOf(context.request, empty)).filter(({ isPage, status }) => isPage && status !== 303)
    assert.deepEqual(pages.filter(({ status }) => status >= 500).map(({ path }) => path), [])
    const wrong = await look(context, pages.map(({ path }) => empty.url + path))
    assert.equal(wrong.length, 0, `\n${wrong.join('\n')}`)
    await context.close()
  } finally {
    await empty?.remove()
    await provider.close()
    await installation.drop()
    await postgres.stop()
    await rm(folder, { recursive: true, force: true })
  }
})
