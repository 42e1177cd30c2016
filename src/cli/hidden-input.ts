/** A line typed without an echo, for tokens, passwords and unseal keys. */

/** Throws `Error` when there is no keyboard, or at Ctrl-C. */
export function readHidden(): Promise<string> {
  const input = process.stdin
  if (!input.isTTY) throw new Error('standard input is not a terminal')
  input.setRawMode(true)
  input.setEncoding('utf8')
  return new Promise((resolve, reject) => {
    let line = ''
    const end = (act: () => void): void => {
      input.off('data', take)
      input.setRawMode(false)
      input.pause()
      act()
    }
    const take = (text: string): void => {
      for (const char of text) {
        if (char === '\u0003') return end(() => reject(new Error('interrupted')))
        if (char === '\r' || char === '\n' || char === '\u0004') return end(() => resolve(line))
        line = char === '\u007f' || char === '\b' ? [...line].slice(0, -1).join('') : line + char
      }
    }
    input.on('data', take)
  })
}
