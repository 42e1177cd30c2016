/**
 * Serial numbers. Those that are made here begin with the end of their certificate, which it shows anyway: so certificates that were made one after the other stand beside each
 * other in the sorted folders of serial numbers, on pages that are in memory, and what has ended stands first. [mark 1][seconds since 1970 5][256ths of the
 * second in which it was made 1][random 13]: 104 random bits, where CA/B rules want 64 at least.
 */
import { newSerial } from '../../crypto/x509/certificate.ts'

/** `aa-bb-…`: the form in keys. */
export const dashed = (serial: string): string => serial.toLowerCase().replaceAll(':', '-')
/** `aa:bb:…`: the form that is shown. */
export const coloned = (serial: string): string => serial.toLowerCase().replaceAll('-', ':')

/** `newSerial` makes none that begin so. */
const mark = 0x31
const timeBytes = 5
const timeEnd = 2 ** (8 * timeBytes)

const secondsOf = (at: number): number => Math.floor(at / 1000)
const hexOf = (seconds: number): string => mark.toString(16) + seconds.toString(16).padStart(2 * timeBytes, '0')

/** For a certificate that is made `now` and ends at `notAfter`, both in milliseconds. */
export function serialFor(notAfter: number, now: number, random: (bytes: number) => Uint8Array): Buffer {
  const serial = newSerial(random)
  const seconds = secondsOf(notAfter)
  if (seconds < 0 || seconds >= timeEnd) return serial
  serial[0] = mark
  serial.writeUIntBE(seconds, 1, timeBytes)
  serial[1 + timeBytes] = Math.floor((now % 1000) * 0.256)
  return serial
}

const dashedHex = (hex: string): string => hex.replaceAll(/(..)(?=.)/g, '$1-')

/** Before all names of serial numbers that tell an end. */
export const firstTelling = mark.toString(16)
/** Before those that tell of an end in the second of `at` or later. */
export const firstEnding = (at: number): string => dashedHex(hexOf(Math.min(Math.max(secondsOf(at), 0), timeEnd - 1)))

/** Where the seconds end in a name. */
const endOfEnd = 3 * (1 + timeBytes) - 1

/** Whether a serial number, in the form in keys, tells this end: else certificates are found by another index when they are over. */
export const tellsEnd = (name: string, notAfter: number): boolean =>
  name.startsWith(`${firstTelling}-`) && Number.parseInt(name.slice(firstTelling.length + 1, endOfEnd).replaceAll('-', ''), 16) === secondsOf(notAfter)
