import assert from 'node:assert/strict'
import { chmodSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { test } from 'node:test'
import { withoutRoot } from '../../http/testing-user.ts'
import { ConfigError } from './entries.ts'
import { readConfig } from './read.ts'

async function inFolder(body: (folder: string) => Promise<void>): Promise<void> {
  const folder = mkdtempSync(join(tmpdir(), 'coffer-config-'))
  try {
    await body(folder)
  } finally {
    rmSync(folder, { recursive: true })
  }
}

const from = (paths: readonly string[], localText = '', folderMayBeEmpty = false): ReturnType<typeof readConfig> => readConfig({ paths, localText, folderMayBeEmpty })
const keys = async (...given: Parameters<typeof from>): Promise<string[]> => (await from(...given)).map(({ key }) => key)

test('a folder is read in the order of the names, other files are left alone, and the environment comes last', () => inFolder(async (folder) => {
  writeFileSync(join(folder, 'b.json'), '{"two": 2}')
  writeFileSync(join(folder, 'a.hcl'), 'one = 1')
  writeFileSync(join(folder, 'c.hcl.bak'), 'not = { a }')
  writeFileSync(join(folder, 'other'), 'three = 3')
  assert.deepEqual(await keys([folder, join(folder, 'other')], '{"four": 4}'), ['one', 'two', 'three', 'four'])
}))

test('a folder without a configuration is a mistake, except where one need not be', () => inFolder(async (folder) => {
  await assert.rejects(from([folder]), (error) => error instanceof ConfigError && error.message.includes(`the folder ${folder} holds no configuration`))
  assert.deepEqual(await keys([folder], '', true), [])
}))

test('a file that is missing, or may not be read, is named with the reason', () => inFolder(async (folder) => {
  const nowhere = join(folder, 'nowhere.hcl')
  await assert.rejects(from([nowhere]), { name: 'ConfigError', message: `cannot read the configuration ${nowhere}: there is no such file` })
  const closed = join(folder, 'closed.hcl')
  writeFileSync(closed, '')
  chmodSync(closed, 0)
  chmodSync(folder, 0o755)
  await withoutRoot(() => assert.rejects(from([closed]), { name: 'ConfigError', message: `cannot read the configuration ${closed}: no permission` }))
}))

test('an error names the file it is in, and the text of the environment by its variable', () => inFolder(async (folder) => {
  const file = join(folder, 'a.hcl')
  mkdirSync(join(folder, 'sub.hcl'))
  writeFileSync(file, 'a = ')
  await assert.rejects(from([file]), { name: 'ConfigError', message: new RegExp(`^${file}: At 1:`) })
  await assert.rejects(from([], '{"a": }'), { name: 'ConfigError', message: /^LOCAL_CONFIG: At 1:/ })
  await assert.rejects(from([folder]), ConfigError)
}))
