/** The types of configuration values: how they are read from HCL and JSON, and how they are called in errors and in the documentation. */
import { parseCidr, type Cidr } from '../../kit/cidr.ts'
import { parseDuration } from '../../kit/duration.ts'
import { ApiError } from '../../kit/errors.ts'
import type { HclValue } from '../../kit/hcl/ast.ts'
import { findReceiver, type Receiver } from '../../statsd/settings.ts'

export interface ValueType<T> {
  /** What stands after "expected" in an error, and in the documentation. */
  readonly shown: string
  /** The value, or undefined when it is none of this type. */
  readonly read: (value: HclValue) => T | undefined
}

/** Numbers and booleans as they are written: `socket_mode = 0770` is the text `0770`. */
const textOf = (value: HclValue): string | undefined => {
  if (value.kind !== 'literal') return undefined
  return typeof value.value === 'string' ? value.value : value.text
}

export const text: ValueType<string> = { shown: 'a text', read: textOf }

const flags: Readonly<Record<string, boolean>> = { true: true, 1: true, t: true, false: false, 0: false, f: false, '': false }
export const flag: ValueType<boolean> = {
  shown: 'true or false',
  read(value) {
    const written = textOf(value)?.toLowerCase()
    return written !== undefined && Object.hasOwn(flags, written) ? flags[written] : undefined
  },
}

/** Not negative. */
export const whole: ValueType<number> = {
  shown: 'a whole number',
  read(value) {
    const written = textOf(value)
    const number = written !== undefined && /^\d{1,15}$/.test(written) ? Number(written) : undefined
    return number
  },
}

/** Seconds; not negative. */
export const duration: ValueType<number> = {
  shown: 'a duration such as 30s, 15m or 768h',
  read(value) {
    const seconds = value.kind === 'literal' ? attempt(() => parseDuration(value.value)) : undefined
    return seconds !== undefined && seconds >= 0 ? seconds : undefined
  },
}

/** A list, or one text with commas. */
export const texts: ValueType<readonly string[]> = {
  shown: 'a list of texts',
  read(value) {
    if (value.kind === 'literal') return splitList(textOf(value) ?? '')
    if (value.kind !== 'list') return undefined
    const found = value.elements.map((element) => textOf(element.value))
    return found.every((item) => item !== undefined) ? found : undefined
  },
}

const splitList = (written: string): string[] => written.split(',').map((item) => item.trim()).filter((item) => item !== '')

export const ranges: ValueType<readonly Cidr[]> = {
  shown: 'a list of addresses or ranges such as 10.0.0.0/8',
  read: (value) => attempt(() => texts.read(value)?.map(parseCidr)),
}

export const workersMax = 64

/** How many processes serve: `auto`, or a number from 1. */
export const workerCount: ValueType<number | 'auto'> = {
  shown: `auto, or a number from 1 to ${workersMax}`,
  read(value) {
    const written = textOf(value)
    if (written === 'auto') return written
    const count = written !== undefined && /^\d{1,3}$/.test(written) ? Number(written) : 0
    return count >= 1 && count <= workersMax ? count : undefined
  },
}

/** Null for the empty text, which is none. `shown`: what it has to be. */
export const receiver = (shown: string): ValueType<Receiver | null> => ({
  shown,
  read(value) {
    const written = textOf(value)
    return written === '' ? null : ((written !== undefined && findReceiver(written)) || undefined)
  },
})

/** Permissions in octal digits. */
export const fileMode: ValueType<number> = {
  shown: 'permissions such as "0660"',
  read(value) {
    const written = textOf(value)
    return written !== undefined && /^[0-7]{3,4}$/.test(written) ? Number.parseInt(written, 8) : undefined
  },
}

/** One of these words, in any case. The empty text is `standard`, which need not be one of them. */
export const choice = <T extends string>(words: Readonly<Record<string, T>>): ValueType<T> => ({
  shown: [...new Set(Object.values(words))].join(', ').replace(/, ([^,]*)$/, ' or $1'),
  read(value) {
    const written = textOf(value)?.toLowerCase()
    return written !== undefined && Object.hasOwn(words, written) ? words[written] : undefined
  },
})

/** What a function of another layer throws about the value becomes the error of this layer, with the place. */
function attempt<T>(read: () => T): T | undefined {
  try {
    return read()
  } catch (error) {
    if (error instanceof ApiError) return undefined
    throw error
  }
}
