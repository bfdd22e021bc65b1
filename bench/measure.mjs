// Measures the budgets: the portal's release binary in evaluation mode, with an organisation of 10,000 entities in it.
import { execFileSync } from 'node:child_process'
import { readFile, writeFile } from 'node:fs/promises'
import { cpus, release, totalmem, type } from 'node:os'
import { join, resolve } from 'node:path'

const root = resolve(import.meta.dirname, '..')
process.env.RAMPART_BINARY ??= join(root, 'target/release/rampart')
const { startPortal } = await import('../e2e/fixtures/portal.mjs')
const { sessionOf } = await import('../e2e/fixtures/session.mjs')
const { ask, openLoop, quantile } = await import('./load.mjs')
const { between, estimate, histogram, parse, total } = await import('./metrics.mjs')

const requests = Number(process.env.RAMPART_BENCH_REQUESTS ?? 3000)
const rate = Number(process.env.RAMPART_BENCH_RATE ?? 20)
const size = { entities: 10_000, findings: 100_000, environments: 1_000 }
const readers = ['dana', 'lena', 'chika', 'pat', 'ines']
const token = 'only-for-this-run'
const service = 'component:default/service-000013'
const served = 'rampart_http_request_duration_seconds'
const decided = 'rampart_policy_decision_seconds'

// What each page is asked for: its plain address most often, and what people do there next.
const pages = [
  { name: 'the catalog list', route: '/catalog', path: ['', '', '?kind=component', '?sort=-updated', '?q=ledger', '?owner=unit-007'] },
  { name: 'an entity', route: '/catalog/{kind}/{namespace}/{name}', path: (n) => entity(n) },
  { name: 'the security page', route: '/security', path: ['', '', '?severity=critical', '?sort=first_seen', '?owner=unit-007'] },
  { name: 'home', route: '/', path: [''] },
]

function entity(n) {
  const place = (n * 7919) % size.entities || 13
  const kinds = [['system', 'system'], ['component', 'service'], ['api', 'api'], ['resource', 'store']]
  const [kind, prefix] = place % 50 === 0 ? kinds[0] : (kinds[{ 1: 2, 2: 3 }[place % 5] ?? 1])
  return `${kind}/default/${prefix}-${String(place).padStart(6, '0')}`
}

const say = (text) => process.stdout.write(`${text}\n`)
const ms = (value) => (value < 10 ? value.toFixed(2) : value.toFixed(1))

/** The server's histograms now; none where it does not say them. */
async function readings(portal) {
  const response = await fetch(`${portal.url}/metrics`, { headers: { authorization: `Bearer ${token}` } })
  const type = response.headers.get('content-type') ?? ''
  return response.ok && type.startsWith('text/plain') ? parse(await response.text()) : undefined
}

async function peakMemory(portal) {
  const status = await readFile(`/proc/${portal.child.pid}/status`, 'utf8')
  return Number(/VmHWM:\s+(\d+) kB/.exec(status)[1]) / 1024
}

/** A Trivy report of so many vulnerabilities. */
function report(findings) {
  const Vulnerabilities = Array.from({ length: findings }, (_, n) => ({
    VulnerabilityID: `CVE-2025-${10_000 + n}`, PkgName: `left-${n % 4000}`, InstalledVersion: '1.0.0', FixedVersion: '1.0.1',
    Severity: ['CRITICAL', 'HIGH', 'MEDIUM', 'LOW'][n % 4], Title: `left-${n}: what is read may run`,
    Description: 'Input that is longer than expected is copied beyond its place.',
  }))
  return JSON.stringify({
    SchemaVersion: 2, ArtifactName: 'registry.example.com/bench:1', ArtifactType: 'container_image',
    Results: [{ Target: 'package-lock.json', Class: 'lang-pkgs', Type: 'npm', Vulnerabilities }],
  })
}

async function measurePages(portal, cookies) {
  const next = (page) => (n) => {
    const path = typeof page.path === 'function' ? `/${page.path(n)}` : page.path[n % page.path.length]
    const address = page.route === '/' ? '/' : page.route.replace(/\/\{.*/, '') + path
    return { url: portal.url + address, cookie: cookies[n % cookies.length] }
  }
  for (const page of pages) await openLoop({ rate, total: 100, next: next(page) })
  const rows = []
  for (const page of pages) {
    say(`bench: ${page.name}, ${requests} requests at ${rate} a second`)
    const before = await readings(portal)
    const answers = await openLoop({ rate, total: requests, next: next(page) })
    const after = await readings(portal)
    const seen = answers.map((answer) => answer.ms)
    const of = (samples) => histogram(samples ?? [], served, (labels) => labels.route === page.route && labels.method === 'GET')
    const counts = between(of(before), of(after))
    const own = total(counts) >= requests
    const at = (part) => (own ? estimate(counts, part) * 1000 : quantile(seen, part))
    rows.push({
      name: page.name, own, p50: at(0.5), p99: at(0.99), client: quantile(seen, 0.99), most: Math.max(...seen),
      kilobytes: answers.reduce((sum, { bytes }) => sum + bytes, 0) / answers.length / 1024,
    })
  }
  return rows
}

async function firstPageAgain(portal, cookie) {
  await portal.stop()
  const begun = performance.now()
  const again = await startPortal({ data: portal.folder, env: portal.settings })
  const { status } = await ask(`${again.url}/`, cookie)
  if (status !== 200) throw new Error(`home answered ${status} after the second start`)
  return { seconds: (performance.now() - begun) / 1000, again }
}

const portal = await startPortal({ env: { RAMPART_LOG: 'warn', RAMPART_METRICS_TOKEN: token } })
let running = portal
try {
  say(`bench: ${Object.entries(size).map(([what, n]) => `${n} ${what}`).join(', ')}`)
  const filling = performance.now()
  const grown = await portal.run('demo', 'grow')
  if (grown.code !== 0) throw new Error(grown.err)
  const filled = (performance.now() - filling) / 1000
  const cookies = []
  for (const reader of readers) cookies.push(await sessionOf(portal, reader))

  const rows = await measurePages(portal, cookies)

  const issued = await portal.run('admin', 'token', 'create', '--name', 'bench', '--scope', 'reports:write')
  if (issued.code !== 0) throw new Error(issued.err)
  const body = report(10_000)
  const sending = performance.now()
  const stored = await fetch(`${portal.url}/api/v1/reports?service=${service}&tool=trivy&target=bench`, {
    method: 'POST', body, headers: { authorization: `Bearer ${issued.out.trim()}` },
  })
  const receipt = await stored.json()
  const reportSeconds = (performance.now() - sending) / 1000
  if (stored.status !== 201) throw new Error(`the report was answered ${stored.status}: ${JSON.stringify(receipt)}`)

  const samples = (await readings(portal)) ?? []
  const decisions = histogram(samples, decided)
  const decision = estimate(decisions, 0.99) * 1e6
  const memory = await peakMemory(portal)
  const { seconds, again } = await firstPageAgain(portal, cookies[0])
  running = again

  const budgets = [
    ...rows.map((row) => [`${row.name}: 99 of 100 requests`, `${ms(row.p99)} ms`, '20 ms', row.p99 < 20]),
    [`one policy decision, 99 of 100 of ${total(decisions)}`, `${ms(decision)} µs`, '100 µs', decision < 100],
    ['a report of 10,000 findings, stored', `${reportSeconds.toFixed(2)} s`, '3 s', reportSeconds < 3],
    ['peak resident memory of `rampart serve`', `${memory.toFixed(0)} MB`, '150 MB', memory < 150],
    ['second start, to the first page', `${seconds.toFixed(2)} s`, '2 s', seconds < 2],
  ]
  const missed = budgets.filter(([, , , kept]) => !kept)
  await writeFile(join(root, 'docs/performance.md'), await written({ budgets, rows, filled }))
  for (const [what, value, budget, kept] of budgets) say(`${kept ? 'kept  ' : 'MISSED'} ${what}: ${value} (under ${budget})`)
  process.exitCode = missed.length > 0 ? 1 : 0
} finally {
  await running.remove()
}

async function written({ budgets, rows, filled }) {
  const git = (...args) => execFileSync('git', args, { cwd: root, encoding: 'utf8' }).trim()
  const table = (head, lines) => [head, head.map(() => '---'), ...lines].map((line) => `| ${line.join(' | ')} |`).join('\n')
  const [cpu] = cpus()
  const own = rows.every((row) => row.own)
  const notes = await readFile(join(import.meta.dirname, 'notes.md'), 'utf8')
  return `# Performance

\`make bench\` wrote this page on ${new Date().toISOString().slice(0, 10)}, at commit ${git('rev-parse', '--short=12', 'HEAD')}.

${table(['What', 'Measured', 'Budget', ''], budgets.map(([what, value, budget, kept]) => [what, value, `under ${budget}`, kept ? 'kept' : '**missed**']))}

## Pages

${table(
  ['Page', 'Requests', 'Half of them', '99 of 100', '99 of 100 at the client', 'Slowest at the client', 'Sent, compressed'],
  rows.map((row) => [row.name, requests, `${ms(row.p50)} ms`, `${ms(row.p99)} ms`, `${ms(row.client)} ms`, `${ms(row.most)} ms`, `${row.kilobytes.toFixed(1)} KB`]),
)}

## How

- Machine: ${cpu.model.trim()}, ${cpus().length} cores, ${(totalmem() / 2 ** 30).toFixed(0)} GB, ${type()} ${release()}; Postgres, the portal and the client share it. Postgres has its default settings, with every commit on disk.
- Data: ${size.entities.toLocaleString('en')} entities, ${size.findings.toLocaleString('en')} findings and ${size.environments.toLocaleString('en')} environments, with ${size.environments * 5} incidents and ${size.findings / 2} audit records, beside the demonstration; \`rampart demo grow\` added them in ${filled.toFixed(0)} s.
- The portal is the release binary in evaluation mode, with its worker and its identity provider in the same process. It is asked as ${readers.length} people in turn: a developer, a team lead, a security champion, an administrator and an auditor.
- After 100 requests a page, each page is asked for ${requests} times, ${rate} times a second at fixed moments: an answer that is late holds nothing back. The time at the client counts from the moment at which a request was due.
- ${own
    ? `The time is the server's own, \`${served}\` of \`GET /metrics\`, from the handler's beginning to the last byte.`
    : 'The time is the client\'s, from the moment at which a request was due to the last byte of its answer: more than the server\'s own.'}

${notes}`
}
