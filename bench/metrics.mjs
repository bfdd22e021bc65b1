// The server's own histograms, as GET /metrics says them (Prometheus text format 0.0.4).

/** Every sample: { name, labels, value }. */
export function parse(text) {
  const samples = []
  for (const line of text.split('\n')) {
    const found = /^([a-z_:][\w:]*)(?:\{(.*)\})? (\S+)$/i.exec(line)
    if (!found) continue
    const labels = {}
    for (const [, key, value] of (found[2] ?? '').matchAll(/(\w+)="((?:[^"\\]|\\.)*)"/g)) labels[key] = value
    samples.push({ name: found[1], labels, value: Number(found[3]) })
  }
  return samples
}

/** How many fell at or below each bound, of the samples that `matches`. */
export function histogram(samples, name, matches = () => true) {
  const counts = new Map()
  for (const sample of samples) {
    if (sample.name !== `${name}_bucket` || !matches(sample.labels)) continue
    const bound = sample.labels.le === '+Inf' ? Infinity : Number(sample.labels.le)
    counts.set(bound, (counts.get(bound) ?? 0) + sample.value)
  }
  return new Map([...counts].sort(([a], [b]) => a - b))
}

/** What came between two readings of one histogram. */
export function between(before, after) {
  return new Map([...after].map(([bound, count]) => [bound, count - (before.get(bound) ?? 0)]))
}

export function total(counts) {
  return counts.get(Infinity) ?? 0
}

/** The quantile in seconds, with a straight line within its bucket, as Prometheus estimates it. */
export function estimate(counts, part) {
  const wanted = part * total(counts)
  let [lower, below] = [0, 0]
  for (const [bound, count] of counts) {
    if (count >= wanted) {
      return bound === Infinity ? Infinity : lower + ((bound - lower) * (wanted - below)) / Math.max(1, count - below)
    }
    ;[lower, below] = [bound, count]
  }
  return Infinity
}
