// Requests at a fixed rate, whatever the answers take: an answer that is late does not hold back the next question.
import { Agent, get } from 'node:http'

const agent = new Agent({ keepAlive: true, maxSockets: 256 })

/** One request; answers how long it took from `due`, in ms, to its last byte. */
export function ask(url, cookie, due = performance.now()) {
  return new Promise((done, failed) => {
    const request = get(url, { agent, headers: { cookie, 'accept-encoding': 'gzip, deflate, br' } }, (response) => {
      let bytes = 0
      response.on('data', (chunk) => (bytes += chunk.length))
      response.on('end', () => done({ status: response.statusCode, bytes, ms: performance.now() - due }))
      response.on('error', failed)
    })
    request.on('error', failed)
  })
}

/** Sends `total` requests, `rate` a second; `next(n)` says which address is asked for the nth time, and as whom. */
export async function openLoop({ rate, total, next }) {
  const begun = performance.now() + 100
  const answers = []
  for (let n = 0; n < total; n++) {
    const due = begun + (n * 1000) / rate
    const wait = due - performance.now()
    if (wait > 1) await new Promise((done) => setTimeout(done, wait))
    const { url, cookie } = next(n)
    answers.push(ask(url, cookie, due).then((answer) => ({ ...answer, url })))
  }
  const all = await Promise.all(answers)
  const refused = all.find(({ status }) => status !== 200)
  if (refused) throw new Error(`${refused.url} answered ${refused.status}`)
  return all
}

/** The value that `part` of all are below or at. */
export function quantile(values, part) {
  const sorted = [...values].sort((a, b) => a - b)
  return sorted[Math.min(sorted.length - 1, Math.ceil(part * sorted.length) - 1)]
}
