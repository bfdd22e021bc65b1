// What pages cost on the wire: a first visit is under 250 KB in all, and no page needs over 150 KB of script and WASM.
import assert from 'node:assert/strict'
import { after, before, test } from 'node:test'
import { signInAs, startBrowser } from '../fixtures/browser.mjs'
import { pagesOf } from '../fixtures/pages.mjs'
import { startPortal } from '../fixtures/portal.mjs'

const FIRST_VISIT = 250 * 1000
const PROGRAM = 150 * 1000

let portal, chromium, signedIn, pages
before(async () => {
  ;[portal, chromium] = await Promise.all([startPortal(), startBrowser()])
  const context = await chromium.window()
  await signInAs(context, portal, /Pat Lindqvist/)
  signedIn = await context.storageState()
  pages = (await pagesOf(context.request, portal)).filter(({ isPage, status }) => isPage && status === 200).map(({ path }) => path)
  await context.close()
})
after(async () => {
  await chromium?.close()
  await portal?.remove()
})

/** Opens a page and waits until it has its program, which it asks for last, and its typeface. */
async function opened(page, path) {
  const program = page.waitForResponse((response) => response.url().endsWith('.wasm'))
  await page.goto(portal.url + path)
  await (await program).finished()
  await page.evaluate(() => document.fonts.ready)
}

/** Bytes on the wire, headers and all, of a visit with nothing in the cache: { all, program, parts }. */
async function weigh(path) {
  const context = await chromium.window({ storageState: signedIn })
  const page = await context.newPage()
  const wire = await context.newCDPSession(page)
  await wire.send('Network.enable')
  const requests = new Map()
  const stays = (type) => type === 'EventSource'
  wire.on('Network.requestWillBeSent', ({ requestId, request, type }) => requests.set(requestId, { url: request.url, type, bytes: 0 }))
  wire.on('Network.responseReceived', ({ requestId, response, type }) => Object.assign(requests.get(requestId) ?? {}, { mime: response.mimeType, type }))
  const ended = (bytes) => (event) => Object.assign(requests.get(event.requestId) ?? {}, { ended: true, bytes: bytes(event) })
  wire.on('Network.loadingFinished', ended((event) => event.encodedDataLength))
  wire.on('Network.loadingFailed', ended(() => 0))
  await opened(page, path)
  await new Promise((done) => {
    const settled = () => [...requests.values()].every(({ ended, type }) => ended || stays(type)) && done()
    for (const end of ['Network.loadingFinished', 'Network.loadingFailed']) wire.on(end, settled)
    settled()
  })
  await context.close()
  const parts = [...requests.values()].filter(({ type }) => !stays(type))
  const sum = (some) => some.reduce((total, { bytes }) => total + bytes, 0)
  const isProgram = ({ mime = '', url }) => /javascript|wasm/.test(mime) || url.endsWith('.wasm')
  return { all: sum(parts), program: sum(parts.filter(isProgram)), parts: parts.map(({ url, bytes }) => `${bytes} ${new URL(url).pathname}`).sort() }
}

test('a first visit transfers less than 250 KB in all', async (context) => {
  const heaviest = { all: 0 }
  for (const path of pages) {
    const weight = await weigh(path)
    if (weight.all > heaviest.all) Object.assign(heaviest, weight, { path })
    assert.ok(weight.all < FIRST_VISIT, `${path}: ${weight.all} bytes\n${weight.parts.join('\n')}`)
    assert.ok(weight.program <= PROGRAM, `${path}: ${weight.program} bytes of script and WASM\n${weight.parts.join('\n')}`)
    assert.ok(weight.program > 0, `${path}: its script was loaded`)
  }
  assert.ok(pages.length > 20, `${pages.length} pages were weighed`)
  context.diagnostic(`heaviest: ${heaviest.path}, ${heaviest.all} bytes, ${heaviest.program} of them script and WASM`)
})

test('what does not change is not fetched again', async () => {
  const context = await chromium.window({ storageState: signedIn })
  const page = await context.newPage()
  await opened(page, '/catalog')
  const fetched = []
  page.on('response', (response) => {
    if (response.url().includes('/pkg/')) fetched.push(response)
  })
  await opened(page, '/teams')
  assert.ok(fetched.length >= 3, `${fetched.length} assets were asked for`)
  const sizes = await Promise.all(fetched.map(async (response) => [response.url(), (await response.request().sizes()).responseBodySize]))
  assert.deepEqual(sizes.filter(([, size]) => size > 0), [], 'assets come from the cache')
  await context.close()
})
