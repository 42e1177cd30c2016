/** The blocks in which versioned secrets are printed: a headline in equals signs, then a table. */
import type { ExactObject } from '../../../../client/src/exact-json.ts'
import type { Printer } from '../../output/printer.ts'

/** `== Secret Path ==` over the path. */
export function printPath(print: Printer, title: string, path: string): void {
  print.line(headline(title, path.length))
  print.line(path)
  print.line()
}

/** A headline as wide as the names of the table below it. */
export const headlineFor = (title: string, data: ExactObject): string =>
  headline(title, Math.max(0, ...Object.keys(data).map((name) => new TextEncoder().encode(name).length)) + '    Value'.length)

function headline(title: string, width: number): string {
  const spare = width - (title.length + 2)
  const signs = '='.repeat(Math.ceil((spare <= 0 ? 4 : spare) / 2))
  return `${signs} ${title} ${signs}`
}

/** What `put` and `patch` print of the version that they made. */
export async function printVersion(print: Printer, path: string, metadata: ExactObject): Promise<void> {
  printPath(print, 'Secret Path', path)
  print.line(headlineFor('Metadata', metadata))
  await print.data(metadata)
}
