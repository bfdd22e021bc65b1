// The whole line: a developer finds a service and gets a database for it from their lead, a scan and an alert arrive on
// the service, a champion reads its scorecard, and an auditor finds every step in the audit log.
import assert from 'node:assert/strict'
import { writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { after, before, describe, test } from 'node:test'
import { signInAs, startBrowser } from '../fixtures/browser.mjs'
import { command, startPortal } from '../fixtures/portal.mjs'
import { psql } from '../fixtures/postgres.mjs'

const SERVICE = 'payments-api'
const ADDRESS = `/catalog/component/default/${SERVICE}`
/** How long a change may take to show by itself in a browser that is open elsewhere. */
const LIVE = { timeout: 5_000 }
/** How long a machine with two busy cores may take to make or remove a database. */
const WORK = { timeout: 90_000 }

let portal, chromium
before(async () => {
  ;[portal, chromium] = await Promise.all([startPortal(), startBrowser()])
})
after(async () => {
  await chromium?.close()
  await portal?.remove()
})

/** A window of that person, and the page that it opens at. */
async function as(name, path, options = {}) {
  const context = await chromium.window(options)
  const page = await signInAs(context, portal, new RegExp(name), path)
  page.setDefaultTimeout(15_000)
  return page
}

/** Waits until the page shows it: by itself with scripts, by asking again without. */
async function shows(page, locator, { scripted, timeout }) {
  if (scripted) return locator.waitFor({ timeout })
  const end = Date.now() + timeout
  while (!(await locator.isVisible())) {
    assert.ok(Date.now() < end, `${page.url()} does not show ${locator}`)
    await page.reload()
  }
}

for (const scripted of [true, false]) {
  describe(`a database for a service, ${scripted ? 'with' : 'without'} scripts`, () => {
    const options = { javaScriptEnabled: scripted }
    const reason = `to try an index, ${scripted ? 'with' : 'without'} scripts`
    let dana, lena, waitedBefore, connection
    const approvals = () => lena.getByRole('navigation', { name: 'Main' }).getByRole('link', { name: /^Approvals/ })
    const waiting = async () => Number(/(\d+)\s+waiting/.exec(await approvals().innerText())?.[1] ?? 0)
    after(async () => {
      await dana?.context().close()
      await lena?.context().close()
    })

    test('Dana finds the service by a part of its name', async () => {
      lena = await as('Lena Fischer', '/approvals', options)
      waitedBefore = await waiting()
      dana = await as('Dana Okafor', '/', options)
      await dana.getByRole('navigation', { name: 'Main' }).getByRole('link', { name: 'Catalog' }).click()
      const search = dana.getByRole('searchbox', { name: 'Search the catalog' })
      await search.fill('yments-a')
      await search.press('Enter')
      await dana.getByRole('table', { name: 'Catalog entities' }).getByRole('link', { name: 'Payments API' }).first().click()
      await dana.waitForURL(portal.url + ADDRESS)
      await dana.getByRole('heading', { level: 1, name: 'Payments API' }).waitFor()
    })

    test('Dana asks for an environment from a template, and a wrong form keeps what was typed', async () => {
      await dana.goto(`${portal.url}/environments`)
      await dana.getByRole('link', { name: 'Request environment' }).first().click()
      await dana.getByRole('link', { name: 'Choose PostgreSQL sandbox' }).click()
      await dana.getByLabel('Service', { exact: true }).fill('no-such-service')
      await dana.getByLabel('For how long').selectOption({ label: '24 hours' })
      await dana.getByLabel('Connections at once').fill('7')
      await dana.getByLabel('What it is for').fill(reason)
      await dana.getByRole('button', { name: 'Ask for approval' }).click()
      assert.equal(await dana.getByLabel('Connections at once').inputValue(), '7')
      assert.equal(await dana.getByLabel('What it is for').inputValue(), reason)
      await dana.getByLabel('Service', { exact: true }).fill(SERVICE)
      await dana.getByRole('button', { name: 'Ask for approval' }).click()
      await dana.waitForURL(/\/requests\/\d+$/)
      await dana.getByText(reason).first().waitFor()
      assert.equal(await dana.getByRole('button', { name: /^Approve/ }).count(), 0, 'nobody approves their own request')
    })

    test('Lena sees that it waits for her, what she approves, and approves it', async () => {
      if (!scripted) await lena.reload()
      await approvals().filter({ hasText: new RegExp(`${waitedBefore + 1}\\s*waiting`) }).waitFor(LIVE)
      await lena.getByRole('link', { name: /^Notifications/ }).click()
      await lena.getByText(/Payments API|payments-api/).first().waitFor()
      await lena.goto(dana.url())
      const main = lena.getByRole('main')
      for (const words of [reason, '7', SERVICE]) await main.getByText(words).first().waitFor()
      await lena.getByLabel('Note').fill('for a day')
      await lena.getByRole('button', { name: /^Approve/ }).click()
      await shows(lena, lena.getByText(/^Approved|Done$/).first(), { scripted, ...WORK })
    })

    test('it is really made, Dana watches it, and she alone is shown once how to connect', async () => {
      await shows(dana, dana.getByRole('main').getByText('for a day'), { scripted, ...LIVE })
      await dana.goto(`${portal.url}/environments`)
      await dana.getByRole('row').filter({ hasText: reason }).getByRole('link').first().click()
      await dana.getByText(reason).first().waitFor()
      const log = dana.getByRole('log', { name: /^What was done to / })
      await shows(dana, log.getByText(/^ready: /), { scripted, ...WORK })
      const address = dana.url()
      await shows(dana, dana.getByRole('button', { name: 'Reveal how to connect' }), { scripted, ...LIVE })

      await lena.goto(address)
      assert.equal(await lena.getByRole('button', { name: 'Reveal how to connect' }).count(), 0, 'not to those who approve')

      await dana.getByRole('button', { name: 'Reveal how to connect' }).click()
      connection = /postgres(?:ql)?:\/\/[^\s]+/.exec(await dana.getByRole('main').innerText())?.[0]
      assert.ok(connection, 'the address is shown')
      const { password } = new URL(connection.replace(/^postgres(ql)?/, 'http'))
      assert.ok(password.length >= 20)
      await dana.goto(address)
      assert.ok(!(await dana.content()).includes(password), 'the password is shown once')
    })

    test('the database takes what is written into it, and is nobody else’s', async () => {
      assert.equal(await psql(connection, 'create table tried (n int); insert into tried values (42); select n from tried'), '42')
      assert.equal(await psql(connection, 'select rolsuper or rolcreatedb or rolcreaterole from pg_roles where rolname = current_user'), 'f')
      const other = connection.replace(/\/[^/]*$/, '/postgres')
      await assert.rejects(psql(other, 'select 1'), /permission denied|not permitted|pg_hba/)
    })

    test('Dana ends it, and it is gone', async () => {
      await dana.getByRole('button', { name: 'End now' }).click()
      await dana.getByRole('button', { name: 'End it now' }).click()
      const log = dana.getByRole('log', { name: /^What was done to / })
      await shows(dana, log.getByText(/^ended: /), { scripted, ...WORK })
      await assert.rejects(psql(connection, 'select 1'), /does not exist|authentication failed/)
      assert.equal(await dana.getByRole('button', { name: 'Reveal how to connect' }).count(), 0)
    })
  })
}

describe('what arrives on the service', () => {
  const cve = 'CVE-2099-4242'
  let token

  test('a scan report that a pipeline uploads shows on the service, and the gate denies', async () => {
    const made = await portal.run('admin', 'token', 'create', '--name', 'pipeline-e2e', '--scope', 'reports:write', '--scope', 'gate:evaluate')
    assert.equal(made.code, 0, made.err)
    assert.match(made.out, /^\S{20,}\n$/, 'the token is alone on standard output')
    token = made.out.trim()
    const report = join(portal.folder, 'trivy.json')
    await writeFile(report, JSON.stringify({
      SchemaVersion: 2,
      CreatedAt: new Date().toISOString(),
      ArtifactName: `registry.example/${SERVICE}:2.0`,
      ArtifactType: 'container_image',
      Results: [{
        Target: `registry.example/${SERVICE}:2.0 (debian 12)`, Class: 'os-pkgs', Type: 'debian',
        Vulnerabilities: [{
          VulnerabilityID: cve, PkgName: 'libline', InstalledVersion: '1.0', FixedVersion: '1.1', Severity: 'CRITICAL',
          Title: 'libline: trusts what it reads <script>alert(1)</script>',
        }],
      }],
    }))
    const env = { PATH: process.env.PATH, RAMPART_TOKEN: token, RAMPART_URL: portal.url }
    const uploaded = await command(['scan', 'upload', '--service', SERVICE, report], env)
    assert.equal(uploaded.code, 0, uploaded.err)

    const gate = await command(['gate', '--service', SERVICE], env)
    assert.equal(gate.code, 1, `the gate denies: ${gate.out}${gate.err}`)
    assert.match(gate.out, /open-critical/, 'and names the rule')

    const dana = await as('Dana Okafor', ADDRESS)
    await dana.getByRole('main').getByRole('link', { name: /^Security/ }).click()
    const row = dana.getByRole('table', { name: 'Findings' }).getByRole('row').filter({ hasText: 'libline' })
    await row.getByText(/critical/i).first().waitFor()
    assert.match(await row.innerText(), /trusts what it reads <script>/, 'text stays text')
    await row.getByRole('link').first().click()
    await dana.getByText(cve).first().waitFor()
    await dana.getByText('1.1').first().waitFor()
    assert.deepEqual(dana.faults, [])
    await dana.context().close()
  })

  test('a token without the scope is refused by name', async () => {
    const made = await portal.run('admin', 'token', 'create', '--name', 'reader-e2e', '--scope', 'catalog:read')
    const answer = await fetch(`${portal.url}/api/v1/reports?service=${SERVICE}`, {
      method: 'POST', headers: { authorization: `Bearer ${made.out.trim()}`, 'content-type': 'application/octet-stream' }, body: '{}',
    })
    assert.equal(answer.status, 403)
    assert.match(JSON.stringify(await answer.json()), /reports:write/)
  })

  test('an alert opens an incident on the service once its integration is approved, and resolves it', async () => {
    const name = 'alertmanager-e2e'
    const pat = await as('Pat Lindqvist', '/admin/integrations')
    await pat.getByRole('link', { name: 'Add integration' }).first().click()
    await pat.getByRole('link', { name: 'Alertmanager webhook' }).click()
    await pat.getByLabel('Name', { exact: true }).fill(name)
    await pat.getByLabel('Owner').selectOption({ index: 1 })
    await pat.getByLabel('Purpose').fill('Alerts of the payment services')
    await pat.getByRole('group', { name: 'Data that passes through it' }).getByRole('checkbox', { name: /internal|for everybody/i }).check()
    await pat.getByRole('button', { name: 'Enter for approval' }).click()
    const secret = (await pat.getByRole('region', { name: 'Token', exact: true }).innerText()).trim()
    assert.match(secret, /^\S{20,}$/)

    const deliver = (status) => fetch(`${portal.url}/hooks/alertmanager/${name}`, {
      method: 'POST',
      headers: { authorization: `Bearer ${secret}`, 'content-type': 'application/json' },
      body: JSON.stringify({
        version: '4', groupKey: '{}:{alertname="LineIsDown"}', truncatedAlerts: 0, status, receiver: 'rampart',
        groupLabels: { alertname: 'LineIsDown' }, commonLabels: { alertname: 'LineIsDown', service: SERVICE, severity: 'critical' },
        commonAnnotations: { summary: 'The line is down' }, externalURL: 'http://alertmanager.example:9093',
        alerts: [{
          status, labels: { alertname: 'LineIsDown', service: SERVICE, severity: 'critical' }, annotations: { summary: 'The line is down' },
          startsAt: new Date(Date.now() - 60_000).toISOString(),
          endsAt: status === 'resolved' ? new Date().toISOString() : '0001-01-01T00:00:00Z',
          generatorURL: 'http://prometheus.example/graph', fingerprint: '00000000000e2e00',
        }],
      }),
    })
    assert.ok((await deliver('firing')).status >= 400, 'what nobody approved takes nothing')

    const chika = await as('Chika Sato', `/admin/integrations/${name}`)
    await chika.getByRole('button', { name: 'Approve' }).click()
    await chika.getByText(/Approved/).first().waitFor()
    await pat.goto(`${portal.url}/admin/integrations/${name}`)
    await pat.getByRole('button', { name: 'Enable' }).click()
    await pat.getByRole('button', { name: 'Disable' }).waitFor()

    for (let twice = 0; twice < 2; twice += 1) assert.equal((await deliver('firing')).status, 200)
    const dana = await as('Dana Okafor', ADDRESS)
    await dana.getByRole('main').getByRole('link', { name: /^Incidents/ }).click()
    const rows = dana.getByRole('row').filter({ hasText: /LineIsDown|The line is down/ })
    await rows.first().waitFor()
    assert.equal(await rows.count(), 1, 'the same delivery twice is one incident')
    await rows.getByRole('link').first().click()
    // what happens before the page listens is shown once it does
    let awake
    const asleep = new Promise((resolve) => { awake = resolve })
    await dana.route('**/pkg/*.wasm', async (route) => { await asleep; await route.continue() })
    await dana.getByRole('button', { name: 'Acknowledge' }).click()
    await dana.getByText(/Acknowledged/).first().waitFor()
    assert.equal((await deliver('resolved')).status, 200)
    awake()
    await dana.getByRole('main').getByText(/^Resolved$/).first().waitFor(LIVE)
    for (const page of [pat, chika, dana]) await page.context().close()
  })

  test('Chika reads the scorecard and signs off a review', async () => {
    const chika = await as('Chika Sato', ADDRESS)
    await chika.getByRole('main').getByRole('link', { name: /^Scorecards/ }).click()
    const checks = chika.getByRole('table', { name: /^Checks/ }).first()
    await checks.waitFor()
    await chika.getByText('Next step:').first().waitFor()
    await chika.getByText('Sign off', { exact: true }).first().click()
    const form = chika.getByRole('form', { name: 'sign-off' }).or(chika.locator('form').filter({ hasText: 'Look at it again on' }))
    await form.getByLabel('Look at it again on').fill(new Date(Date.now() + 30 * 86_400_000).toISOString().slice(0, 10))
    await form.getByLabel('Note').fill('the critical finding is planned for this week')
    await form.getByRole('button', { name: 'Sign off' }).click()
    await chika.getByText(/Signed off .* by Chika Sato/s).first().waitFor()
    await chika.context().close()
  })
})

test('Inês finds every step in the audit log, with who did it', async () => {
  const ines = await as('Inês Carvalho', '/audit')
  const steps = [
    ['environment.request', 'Request an environment for a service', 'Dana Okafor'],
    ['request.approve', 'Approve or decline a request', 'Lena Fischer'],
    ['environment.reveal', "Reveal an environment's credentials", 'Dana Okafor'],
    ['environment.manage', 'Extend or end an environment', 'Dana Okafor'],
    ['report.upload', 'Upload a report for a service', 'pipeline-e2e'],
    ['integration.add', 'Add an integration', 'Pat Lindqvist'],
    ['integration.approve', 'Approve an integration', 'Chika Sato'],
    ['alert.receive', 'Deliver alerts', undefined],
    ['incident.handle', 'Acknowledge or resolve an incident', 'Dana Okafor'],
    ['scorecard.review', "Review a service's scorecard", 'Chika Sato'],
  ]
  const missing = []
  for (const [action, words, who] of steps) {
    const search = ines.getByRole('searchbox', { name: 'Search actions and things' })
    await search.fill(action)
    await search.press('Enter')
    await ines.waitForURL(new RegExp(`q=${action}`))
    const rows = ines.getByRole('row').filter({ hasText: words }).filter({ hasText: who ?? words })
    if ((await rows.count()) === 0) missing.push(`${action} by ${who ?? 'the integration'}`)
  }
  assert.deepEqual(missing, [])

  await ines.goto(`${portal.url}/audit?q=request.approve`)
  await ines.getByRole('row').filter({ hasText: 'Lena Fischer' }).first().getByRole('link').first().click()
  for (const words of ['Why it was allowed', 'Authenticated by', 'Request']) await ines.getByText(words, { exact: true }).first().waitFor()
  await ines.context().close()
})
