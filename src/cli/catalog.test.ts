/** Every verb declares what it is, and the help that comes from it is true. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { allVerbs, findVerb, groups, isGroup, namesBelow } from './catalog.ts'
import { flagsOf } from './command-flags.ts'
import { parseFlags, type FlagSet } from './flags.ts'
import { httpFlags, outputFlags } from './global-flags.ts'
import { commandHelp, groupHelp, overview } from './help.ts'

const commands = await Promise.all(allVerbs().map(async ([name, load]) => [name, await load()] as const))

test('a verb is found under its own name, whatever follows', () => {
  for (const [name, command] of commands) {
    assert.equal(command.name, name)
    const found = findVerb([...name.split(' '), 'x', '-y'])
    assert.deepEqual([found.name, found.rest], [name, ['x', '-y']])
  }
  assert.deepEqual(findVerb(['kv', 'nope']), { command: null, name: 'kv', rest: ['nope'] })
  assert.deepEqual(findVerb(['toString']), { command: null, name: '', rest: ['toString'] })
})

test('every verb has a summary, and its group is known', () => {
  for (const [name, command] of commands) {
    assert.match(command.summary, /^[A-Z][^.]*$/, name)
    const group = name.split(' ').slice(0, -1).join(' ')
    if (group !== '') assert.ok(Object.hasOwn(groups, group), group)
  }
  for (const group of Object.keys(groups)) assert.ok(isGroup(group) && namesBelow(group).length > 0, group)
})

const namesOf = (flags: FlagSet): string[] => Object.entries(flags).flatMap(([name, { aliases }]) => [name, ...(aliases ?? [])])

test('no verb has a flag of the name that a shared one has', () => {
  for (const [name, command] of commands) {
    const output = Object.fromEntries((command.output ?? []).map((each) => [each, outputFlags[each]]))
    const names = namesOf({ ...(command.remote === false ? {} : httpFlags), ...output })
    const own = namesOf(command.flags)
    assert.deepEqual(own.filter((flag) => names.includes(flag)), [], name)
    assert.equal(new Set(own).size, own.length, name)
  }
})

test('every example in the help is a command line that works', () => {
  for (const [, { examples = [] }] of commands) {
    for (const [, line] of examples) {
      const words = line.split(' ')
      const found = findVerb(words)
      const command = commands.find(([name]) => name === found.name)?.[1]
      assert.ok(command, line)
      const { args } = parseFlags(flagsOf(command), found.rest, () => undefined)
      const { min, max } = command.args ?? { min: 0, max: 0 }
      assert.ok(args.length >= min && (max < 0 || args.length <= max), line)
      assert.ok(!args.some((arg) => arg.startsWith('-') && arg !== '-'), line)
    }
  }
})

test('help fits a terminal, and names every flag but hidden ones', async () => {
  for (const [name, command] of commands) {
    const page = commandHelp(command, 'coffer')
    assert.match(page, new RegExp(`^Usage: coffer ${name} \\[options\\]`))
    for (const line of page.split('\n')) assert.ok(line.length <= 110, `${name}: ${line}`)
    for (const [flag, { hidden }] of Object.entries(flagsOf(command))) assert.equal(page.includes(`  -${flag}`), !hidden, `${name} ${flag}`)
  }
  assert.match(await groupHelp('kv metadata', 'coffer'), /\n {2}delete +Remove a secret with all its versions\n/)
})

test('the overview shows a newcomer what to type first', async () => {
  const page = await overview('coffer')
  assert.match(page, /coffer server -dev/)
  assert.match(page, /coffer kv put secret\/hello password=s3cret/)
  for (const name of namesBelow('')) assert.match(page, new RegExp(`\\n {2}${name} `))
})
