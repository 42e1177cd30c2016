/** Figures as lines of statsd: `name:value|g` and `|c`, labels flattened into the name as go-metrics does it, or as tags of DogStatsD. */
import type { SendingSettings } from './settings.ts'

export type Label = readonly [name: string, value: string]

export interface Figure {
  /** Of a counter, `value` is what was added. */
  readonly kind: 'gauge' | 'counter'
  /** Parts with dots between them, without the prefix: `core.unsealed`. */
  readonly name: string
  readonly labels: readonly Label[]
  /** Not negative: `-1|g` would lower a gauge by one. */
  readonly value: number
}

/** What separates parts of a line cannot be part of one. */
const clean = (text: string): string => text.replaceAll(/[:|,\s\p{Cc}]/gu, '_')
const cleanTag = (tag: string): string => tag.replaceAll(/[|,\p{Cc}]/gu, '_')

/** To the thousandth, and never with an exponent. */
const shown = (value: number): string => String(Math.round(value * 1000) / 1000)

const labelsOf = ({ labels }: Figure, { hostname, hostnameIn }: SendingSettings): readonly Label[] => (hostnameIn === 'labels' ? [...labels, ['host', hostname]] : labels)
const measureOf = ({ kind, value }: Figure): string => `${shown(value)}|${kind === 'gauge' ? 'g' : 'c'}`

export function plainLine(figure: Figure, settings: SendingSettings): string {
  const host = figure.kind === 'gauge' && settings.hostnameIn === 'gauges' ? [settings.hostname] : []
  const values = labelsOf(figure, settings).map(([, value]) => value)
  return `${clean([settings.prefix, ...host, figure.name, ...values].join('.'))}:${measureOf(figure)}`
}

/** The name of the machine is added by whoever receives it, unless it is wanted as a label. */
export function taggedLine(figure: Figure, settings: SendingSettings): string {
  const tags = [...settings.tags.map(cleanTag), ...labelsOf(figure, settings).map(([name, value]) => `${clean(name)}:${clean(value)}`)]
  return `${clean(`${settings.prefix}.${figure.name}`)}:${measureOf(figure)}${tags.length === 0 ? '' : `|#${tags.join(',')}`}`
}

/** What an Ethernet frame carries beside the headers of IPv6 and UDP, and a little more. */
export const datagramBytesMax = 1_432

/** Whole lines, as many as go into a datagram each. A line that is longer than one is left out. */
export function datagramsOf(lines: readonly string[]): { readonly datagrams: readonly string[]; readonly leftOut: number } {
  const datagrams: string[] = []
  let [open, bytes, leftOut] = ['', 0, 0]
  for (const line of lines) {
    const length = Buffer.byteLength(line) + 1
    if (length > datagramBytesMax) leftOut += 1
    else if (bytes + length <= datagramBytesMax) [open, bytes] = [`${open}${line}\n`, bytes + length]
    else {
      datagrams.push(open)
      ;[open, bytes] = [`${line}\n`, length]
    }
  }
  return { datagrams: open === '' ? datagrams : [...datagrams, open], leftOut }
}
