/** Lists by the page, and walks through everything below a folder, in the order of the store (UTF-8 bytes of the whole key). */
import { defaulted, integer, text } from '../kit/fields.ts'
import type { ListOptions } from '../kit/store.ts'

/** What can be listed: a store, or what a request sees of one. */
export interface Listed {
  readonly list: (prefix: string, options?: ListOptions) => Promise<string[]>
}

export interface Page {
  /** Only names that sort after this one; '' for the beginning. */
  readonly after: string
  /** At most so many names; 0 or less for all. */
  readonly limit: number
}

/** The fields of OpenBao's paged lists. */
export const pageFields = {
  after: defaulted(text('Only names that sort after this one, which need not exist.'), ''),
  limit: defaulted(integer('At most so many names; 0 or less for all.'), 0),
}

const optionsOf = ({ after, limit }: Page): ListOptions => ({ ...(after !== '' && { after }), ...(limit > 0 && { limit }) })

/** The path of a folder as the prefix of a list: with a slash at the end, '' at the top. */
export const folderOf = (path: string): string => (path === '' ? '' : `${path}/`)

/** The empty path and paths with a slash at the end name folders: no value is ever kept there. */
export const isFolder = (path: string): boolean => path === '' || path.endsWith('/')

/** Names of the children of `folder` ('' or with a slash at the end). */
export const listPage = (store: Listed, folder: string, page: Page): Promise<string[]> => store.list(folder, optionsOf(page))

/** Keys at any depth below `folder`, relative to it; a page of them, of which `after` may be the last key of the page before. */
export async function scanPage(store: Listed, folder: string, page: Page): Promise<string[]> {
  const keys: string[] = []
  for await (const key of walk(store, folder, page.after)) {
    keys.push(key)
    if (keys.length === page.limit) break
  }
  return keys
}

/** A folder on the way of a walk: what was listed of it and not yet visited. */
interface Visit {
  readonly folder: string
  names: readonly string[]
  next: number
  after: string
  isListed: boolean
}

const namesAtATime = 500

/** Every key below `folder`, relative to it, that sorts after `after`. Holds at most one page of names per level of depth. */
export async function* walk(store: Listed, folder: string, after = ''): AsyncGenerator<string, void, undefined> {
  const visits = visitsAfter(after)
  for (let visit = visits.at(-1); visit !== undefined; visit = visits.at(-1)) {
    const name = visit.names[visit.next]
    if (name === undefined) {
      if (visit.isListed) visits.pop()
      else await listMore(store, folder, visit)
      continue
    }
    visit.next++
    if (name.endsWith('/')) visits.push(visitOf(visit.folder + name, ''))
    else yield visit.folder + name
  }
}

const visitOf = (folder: string, after: string): Visit => ({ folder, names: [], next: 0, after, isListed: false })

/** The open folders of a walk that has just visited `after`: each goes on behind the child that the next one is. */
function visitsAfter(after: string): Visit[] {
  const visits: Visit[] = []
  let start = 0
  for (let slash = after.indexOf('/'); slash >= 0; slash = after.indexOf('/', start)) {
    visits.push(visitOf(after.slice(0, start), after.slice(start, slash + 1)))
    start = slash + 1
  }
  visits.push(visitOf(after.slice(0, start), after.slice(start)))
  return visits
}

async function listMore(store: Listed, folder: string, visit: Visit): Promise<void> {
  visit.names = await listPage(store, folder + visit.folder, { after: visit.after, limit: namesAtATime })
  visit.next = 0
  visit.isListed = visit.names.length < namesAtATime
  visit.after = visit.names.at(-1) ?? visit.after
}
