/** Names and numbers as people write them. */

/** Of a slot, decimal or with `0x`, as decimal digits: slots have numbers up to 2^64. Null: it is none. */
export function parseSlot(written: string): string | null {
  const isNumber = /^(?:\d{1,20}|0x[0-9a-f]{1,16})$/i.test(written)
  return isNumber && BigInt(written) < 2n ** 64n ? String(BigInt(written)) : null
}

/** An id in hex, also with `0x`. Null: it is none. */
export function parseKeyId(written: string): string | null {
  const hex = written.replace(/^0x/i, '').toLowerCase()
  return /^(?:[0-9a-f]{2})*$/.test(hex) ? hex : null
}
