/** Writes what templates have become. */
import type { TemplateSettings } from './config/settings.ts'
import { writeWholeAside } from './files.ts'
import { settleInTurns } from './in-turns.ts'

/** Each waits for the disk, which takes many at once for the time of one. */
const atOnce = 8

export interface Delivered {
  /** Whose files are others now, in the order in which they were given. */
  readonly changed: readonly TemplateSettings[]
  /** What the file system says of the first that could not be written; null: all are. */
  readonly failure: { readonly reason: unknown } | null
}

export async function writeFiles(texts: ReadonlyMap<TemplateSettings, string>): Promise<Delivered> {
  const byPath = new Map<string, TemplateSettings[]>()
  for (const template of texts.keys()) byPath.set(template.destination, [...(byPath.get(template.destination) ?? []), template])
  const changed = new Set<TemplateSettings>()
  const results = await settleInTurns([...byPath.values()], atOnce, async (templates) => {
    for (const template of templates) if (await writeOne(template, texts.get(template) ?? '')) changed.add(template)
  })
  return { changed: [...texts.keys()].filter((template) => changed.has(template)), failure: results.find((result) => result.status === 'rejected') ?? null }
}

const writeOne = async ({ destination: path, mode, user, group, createFolders, backup }: TemplateSettings, content: string): Promise<boolean> =>
  await writeWholeAside({ path, content, mode, user, group, createFolders, backup })
