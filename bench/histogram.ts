/** Latencies in buckets that grow by a hundredth each: a percentile is right to one percent, whatever the number of requests. */

const growth = Math.log(1.01)
/** Up to about 70 seconds. */
const buckets = 1_820

export type Histogram = Uint32Array

export const makeHistogram = (): Histogram => new Uint32Array(buckets)

export function addLatency(histogram: Histogram, microseconds: number): void {
  const bucket = Math.min(buckets - 1, Math.max(0, Math.round(Math.log(Math.max(1, microseconds)) / growth)))
  histogram[bucket] = (histogram[bucket] ?? 0) + 1
}

/** The latency in milliseconds that a share of `quantile` (0 to 1) of all requests did not exceed; 0 when there were none. */
export function quantileOf(histogram: Histogram, quantile: number): number {
  const total = histogram.reduce((sum, count) => sum + count, 0)
  let left = Math.ceil(total * quantile)
  for (let bucket = 0; bucket < buckets && total > 0; bucket++) {
    left -= histogram[bucket] ?? 0
    if (left <= 0) return Math.exp(bucket * growth) / 1000
  }
  return 0
}

export function mergeHistograms(parts: readonly Histogram[]): Histogram {
  const merged = makeHistogram()
  for (const part of parts) part.forEach((count, bucket) => (merged[bucket] = (merged[bucket] ?? 0) + count))
  return merged
}
