// Takes the pictures of docs/images from the demonstration organisation: node e2e/pictures.mjs
import { mkdir } from 'node:fs/promises'
import { resolve } from 'node:path'
import { signInAs, startBrowser } from './fixtures/browser.mjs'
import { startPortal } from './fixtures/portal.mjs'

const folder = resolve(import.meta.dirname, '../docs/images')
const SERVICE = '/catalog/component/default/payments-api'
const PICTURES = [
  { name: 'home', who: 'Dana Okafor', path: '/' },
  { name: 'service', who: 'Dana Okafor', path: SERVICE },
  { name: 'approval', who: 'Lena Fischer', path: '/approvals', first: 'main a.row-link' },
  { name: 'security', who: 'Chika Sato', path: '/security', scheme: 'dark' },
  { name: 'scorecards', who: 'Chika Sato', path: `${SERVICE}/scorecards` },
  { name: 'dashboard', who: 'Chika Sato', path: '/dashboard' },
  { name: 'audit', who: 'Inês Carvalho', path: '/audit', scheme: 'dark' },
]

await mkdir(folder, { recursive: true })
const [portal, chromium] = await Promise.all([startPortal(), startBrowser()])
try {
  for (const { name, who, path, first, scheme = 'light' } of PICTURES) {
    const context = await chromium.window({ colorScheme: scheme, viewport: { width: 1280, height: 800 } })
    const page = await signInAs(context, portal, new RegExp(who), path)
    if (first) {
      await page.locator(first).first().click()
      await page.waitForURL(/\/requests\//)
    }
    await page.evaluate(() => document.fonts.ready)
    await page.screenshot({ path: `${folder}/${name}.png` })
    console.log(`${name}: ${page.url()}`)
    await context.close()
  }
} finally {
  await chromium.close()
  await portal.remove()
}
