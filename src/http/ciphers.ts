/** Names of cipher suites: Vault's configurations write them as Go and IANA do, OpenSSL knows its own. */

const ecdhe = /^TLS_(ECDHE_(?:ECDSA|RSA)|RSA)_WITH_(AES_(?:128|256)_(?:GCM|CBC)|CHACHA20_POLY1305)(?:_(SHA(?:256|384)?))?$/

/** `TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256` is `ECDHE-RSA-AES128-GCM-SHA256`; what has no such form stays. */
function opensslName(written: string): string {
  const found = ecdhe.exec(written)
  if (found === null) return written
  const [, exchange = '', cipher = '', hash = ''] = found
  const name = cipher.replace('AES_', 'AES').replace('_CBC', '').replaceAll('_', '-')
  const isPoly = cipher.startsWith('CHACHA20')
  return [...(exchange === 'RSA' ? [] : [exchange.replace('_', '-')]), name, ...(isPoly || hash === '' ? [] : [hash])].join('-')
}

/** OpenSSL's list, from names that are separated by commas or colons. Null for none. */
export function cipherList(names: readonly string[]): string | null {
  const found = names.flatMap((name) => name.split(':')).map((name) => opensslName(name.trim())).filter((name) => name !== '')
  return found.length === 0 ? null : found.join(':')
}
