/** Pages of lists that stand in one record. */
export function paged(names: readonly string[], { after, limit }: { readonly after?: string; readonly limit?: number }): string[] {
  const sorted = [...names].sort()
  const rest = after === undefined || after === '' ? sorted : sorted.filter((name) => name > after)
  return limit === undefined || limit <= 0 ? rest : rest.slice(0, limit)
}
