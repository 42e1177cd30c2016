/** How the names of a page that is too full are shared out. */

/** A page with so many bytes is split, too. */
export const pageBytesMax = 16_384

/**
 * Cuts names into at least two pages. At the end of a folder names are likely to come in order, so there all pages but the last are left
 * nearly full; elsewhere all get the same room to grow.
 */
export function chunkNames(pageNames: number, names: readonly string[], atEnd: boolean): string[][] {
  const count = Math.max(2, Math.ceil(names.length / (pageNames * 0.66)))
  const perPage = atEnd && names.length >= pageNames ? Math.floor((pageNames * 7) / 8) : Math.ceil(names.length / count)
  const bytesPerPage = pageBytesMax * (atEnd ? 7 / 8 : 1 / 2)
  const chunks: string[][] = []
  let bytes = 0
  for (const name of names) {
    const last = chunks.at(-1)
    bytes += Buffer.byteLength(name)
    if (last !== undefined && last.length < perPage && bytes <= bytesPerPage) last.push(name)
    else {
      chunks.push([name])
      bytes = Buffer.byteLength(name)
    }
  }
  return chunks
}
