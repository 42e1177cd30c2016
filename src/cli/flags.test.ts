/** The grammar of flags is that of Go's `flag` package; what it does not take is refused by name. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { Failure } from './failure.ts'
import { bool, choiceOfBool, duration, integer, list, map, text, withDefault } from './flags.ts'
import { checkFlagsFirst, parseFlags, withoutSeparator } from './flags.ts'

const flags = {
  force: bool('Force.', { aliases: ['f'] }),
  maybe: choiceOfBool('Maybe.'),
  name: text('Name.', { variable: 'NAME' }),
  count: integer('Count.', { variable: 'COUNT' }),
  ttl: duration('Life time.'),
  policy: list('Policy.'),
  meta: map('Note.'),
  mode: withDefault(text('Mode.'), 'table'),
}
const parse = (...argv: string[]) => parseFlags(flags, argv, () => undefined)
const refusal = (...argv: string[]): string => {
  try {
    parse(...argv)
  } catch (error) {
    assert.ok(error instanceof Failure)
    assert.equal(error.exitCode, 1)
    return error.message
  }
  return assert.fail('was not refused')
}

test('a value follows its flag after an equals sign or as the next word, behind one dash or two', () => {
  for (const argv of [['-name=x'], ['-name', 'x'], ['--name=x'], ['--name', 'x']]) assert.equal(parse(...argv).values['name'], 'x')
  assert.equal(parse('-name=').values['name'], '')
  assert.equal(parse('-name=a=b').values['name'], 'a=b')
  assert.equal(parse('-name', '-x').values['name'], '-x')
})

test('a boolean stands alone, and never takes the next word', () => {
  assert.deepEqual([parse('-force', 'false').values['force'], parse('-force', 'false').args], [true, ['false']])
  for (const word of ['1', 't', 'T', 'TRUE', 'true', 'True']) assert.equal(parse(`-force=${word}`).values['force'], true)
  for (const word of ['0', 'f', 'F', 'FALSE', 'false', 'False']) assert.equal(parse(`-force=${word}`).values['force'], false)
  assert.match(refusal('-force=yes'), /^invalid boolean value "yes" for -force/)
})

test('an alias is the flag itself', () => {
  assert.deepEqual([parse('-f').values['force'], [...parse('-f').given]], [true, ['force']])
})

test('flags end at the first argument, at a lone dash, and at two dashes', () => {
  assert.deepEqual(parse('-f', 'a', '-name=x').args, ['a', '-name=x'])
  assert.deepEqual(parse('-', '-f').args, ['-', '-f'])
  assert.deepEqual(parse('--', '-f').args, ['-f'])
})

test('numbers are decimal or carry a prefix, and are whole', () => {
  assert.equal(parse('-count=12').values['count'], 12)
  assert.equal(parse('-count=-1').values['count'], -1)
  assert.equal(parse('-count=0x10').values['count'], 16)
  for (const bad of ['', 'x', '1.5', '1e3', '99999999999999999999']) assert.match(refusal(`-count=${bad}`), /-count: not a whole number/)
})

test('durations are Go\'s, days, or seconds', () => {
  for (const [given, seconds] of [['60', 60], ['1h30m', 5400], ['2d', 172_800], ['1.5h', 5400], ['-1', -1], ['500ms', 0.5]] as const) {
    assert.equal(parse(`-ttl=${given}`).values['ttl'], seconds)
  }
  for (const bad of ['', 'x', '1h ', 'h']) assert.match(refusal(`-ttl=${bad}`), /not a duration/)
})

test('a repeated list or map grows; a repeated text is the last one', () => {
  const { values } = parse('-policy=a', '-policy', ' b ', '-meta=x=1', '-meta=y=2=3', '-name=a', '-name=b')
  assert.deepEqual(values['policy'], ['a', 'b'])
  assert.deepEqual(values['meta'], { x: '1', y: '2=3' })
  assert.equal(values['name'], 'b')
  assert.match(refusal('-meta=x'), /missing =/)
})

test('a flag of the line wins over its variable, and its variable over the default', () => {
  const variables: Record<string, string> = { NAME: 'env', COUNT: 'nonsense' }
  const read = (name: string) => variables[name]
  assert.equal(parseFlags(flags, [], read).values['name'], 'env')
  assert.equal(parseFlags(flags, ['-name=line'], read).values['name'], 'line')
  assert.equal(parseFlags(flags, [], read).values['count'], undefined)
  assert.equal(parse().values['mode'], 'table')
})

test('an unknown flag is named, with the nearest known one', () => {
  assert.equal(refusal('-nmae=x'), 'flag provided but not defined: -nmae (did you mean -name?)')
  assert.equal(refusal('-zzz'), 'flag provided but not defined: -zzz')
  assert.equal(refusal('-__proto__=x'), 'flag provided but not defined: -__proto__')
  assert.match(refusal('---x'), /^bad flag syntax: ---x/)
  assert.match(refusal('-=x'), /^bad flag syntax: -=x/)
  assert.equal(refusal('-name'), 'flag needs an argument: -name')
})

test('a flag after an argument is refused with a hint, unless two dashes say that it is data', () => {
  const check = (...argv: string[]) => checkFlagsFirst(parse(...argv).args, argv)
  assert.throws(() => check('secret/x', '-format=json'), /Too late for a flag: -format=json stands after the argument "secret\/x"/)
  assert.throws(() => check('-f', 'secret/x', 'a=b', '-name', 'y'), /-name/)
  for (const fine of [['a', '-'], ['a', 'b=-c'], ['--', 'a', '-b'], ['a', '--', '-b'], ['-f', 'a', '@x']]) check(...fine)
  assert.deepEqual(withoutSeparator(['a', '--', '-b', '--']), ['a', '-b', '--'])
})

test('whatever stands on the line is parsed or refused with exit code 1, and arguments come out as they went in (seeded)', () => {
  const word = fc.oneof(
    fc.string(),
    fc.constantFrom('-', '--', '-f', '-force=maybe', '-name', '-name=', '-count=7', '-ttl=1h', '-meta=a=b', '---', '-=', '-x', 'a=b'),
  )
  fc.assert(
    fc.property(fc.array(word), (argv) => {
      try {
        const { args } = parse(...argv)
        assert.deepEqual(args, argv.slice(argv.length - args.length))
      } catch (error) {
        assert.ok(error instanceof Failure && error.exitCode === 1, String(error))
      }
    }),
    { seed: 7, numRuns: 2000 },
  )
})

test('what is written as flags is read back (seeded)', () => {
  const policy = fc.array(fc.string().map((each) => each.trim()), { minLength: 1 })
  const value = fc.record({ name: fc.string(), count: fc.integer(), force: fc.boolean(), policy })
  fc.assert(
    fc.property(value, fc.boolean(), (wanted, joined) => {
      const one = (flag: string, text_: string): string[] => (joined ? [`-${flag}=${text_}`] : [`--${flag}`, text_])
      const policies = wanted.policy.flatMap((each) => one('policy', each))
      const argv = [...one('name', wanted.name), ...one('count', String(wanted.count)), `-force=${wanted.force}`, ...policies]
      const { values, args } = parse(...argv)
      for (const [flag, given] of Object.entries(wanted)) assert.deepEqual(values[flag], given)
      assert.deepEqual(args, [])
    }),
    { seed: 8, numRuns: 1000 },
  )
})
