/** Libraries that crash, hang, have no locks, or count PINs: one that is compiled here, and does what its environment says. */
import assert from 'node:assert/strict'
import { spawnSync } from 'node:child_process'
import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, before, test } from 'node:test'
import { TokenError } from './errors.ts'
import { tokenProcesses } from './testing.ts'
import { Token } from './token.ts'

const source = String.raw`
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
typedef unsigned long N;
static int is(const char *what) { const char *mode = getenv("FAULT"); return mode && strcmp(mode, what) == 0; }
static void note(const char *what) { FILE *file = fopen(getenv("FAULT_NOTES"), "a"); fprintf(file, "%s\n", what); fclose(file); }
static N initialize(void *args) { note(args ? "with locks" : "without locks"); if (is("crash")) abort(); return is("no locks") && args ? 0x0a : 0; }
static N slots(unsigned char present, N *list, N *count) { (void) present; if (is("hang")) for (;;) sleep(1); list[0] = 7; *count = 1; return 0; }
static N info(N slot, char *out) { (void) slot; memset(out, ' ', 96); memcpy(out, "fault", 5); memset(out + 96, 0, 160); *(N *) (out + 96) = is("final try") ? 0x20000 : is("locked") ? 0x40000 : 0; return 0; }
static N open_session(N slot, N flags, void *a, void *b, N *handle) { (void) slot; (void) flags; (void) a; (void) b; *handle = 1; return 0; }
static N login(N session, N user, char *pin, N length) { (void) session; (void) user; (void) pin; (void) length; note("login"); return is("wrong pin") ? 0xa0 : 0; }
static N attribute(N session, N object, N *template, N count) { (void) session; (void) object; (void) count; if (is("garbage")) { template[2] = ~0UL; return 0x12; } if (is("too long")) { template[2] = 1UL << 40; return 0; } return 0x12; }
static N find_begin(N session, void *template, N count) { (void) session; (void) template; (void) count; return 0; }
static N find(N session, N *found, N most, N *count) { (void) session; (void) most; if (is("lost")) return 0xb3; found[0] = 5; *count = is("nothing") ? 0 : 1; return 0; }
static N find_end(N session) { (void) session; return 0; }
static void *list[69];
N C_GetFunctionList(void **out) {
  list[0] = (void *) 0x2802;
  list[1] = initialize; list[5] = slots; list[7] = info; list[13] = open_session; list[19] = login; list[25] = attribute; list[27] = find_begin; list[28] = find; list[29] = find_end;
  *out = list; return 0;
}
`

let folder = ''
let skip: string | false = process.platform === 'linux' ? false : 'compiles for Linux'
const library = (): string => join(folder, 'fault.so')
before(() => {
  folder = mkdtempSync(join(tmpdir(), 'coffer-fault-'))
  writeFileSync(join(folder, 'fault.c'), source)
  const { status, stderr, error } = spawnSync('cc', ['-shared', '-fPIC', '-o', library(), join(folder, 'fault.c')], { encoding: 'utf8' })
  if (error) skip ||= 'there is no C compiler'
  else assert.equal(status, 0, stderr)
})
after(() => rmSync(folder, { recursive: true, force: true }))

const key = { label: 'x', id: '' }
const times = { answerMs: 1_500, generateMs: 1_500, idleMs: 60_000 }

/** What comes of a question for a key, and what the library wrote down. */
async function ask(fault: string, questions = 1): Promise<{ readonly outcomes: readonly string[]; readonly notes: readonly string[] }> {
  const notes = join(folder, `notes ${fault}`)
  const token = new Token({ library: library(), slot: null, label: 'fault', pin: 'x', isReadOnly: true }, { ...process.env, FAULT: fault, FAULT_NOTES: notes }, times)
  const outcomes: string[] = []
  for (let i = 0; i < questions; i++) {
    outcomes.push(await token.call('publicPart', { key }).then((part) => String(part), (error: unknown) => (error instanceof TokenError ? `${error.failure}: ${error.message}` : String(error))))
  }
  token.close()
  return { outcomes, notes: existsSync(notes) ? readFileSync(notes, 'utf8').trim().split('\n') : [] }
}

test('a library that crashes ends its process, not this one, and is tried again', async (t) => {
  if (skip) return t.skip(skip)
  const { outcomes, notes } = await ask('crash', 2)
  assert.deepEqual(outcomes, Array(2).fill('away: its process has ended (SIGABRT)'))
  assert.equal(notes.length, 2)
})

test('a library that hangs is ended when its time is over', async (t) => {
  if (skip) return t.skip(skip)
  assert.deepEqual((await ask('hang')).outcomes, ['away: no answer within 1.5 s'])
  for (let left = 500; left > 0 && tokenProcesses().length > 0; left--) await new Promise((resolve) => setTimeout(resolve, 10))
  assert.deepEqual(tokenProcesses(), [])
})

test('a library without locks is used without them', async (t) => {
  if (skip) return t.skip(skip)
  assert.deepEqual((await ask('no locks')).notes, ['with locks', 'without locks', 'login'])
})

test('a PIN is not tried where that could be the last time, and a wrong one only once', async (t) => {
  if (skip) return t.skip(skip)
  assert.deepEqual((await ask('final try')).notes, ['with locks'])
  assert.match((await ask('final try')).outcomes[0] ?? '', /^pin: the token takes one more PIN before it locks itself/)
  assert.deepEqual((await ask('locked')).outcomes, ['pin: the PIN of the token is locked'])
  const { outcomes, notes } = await ask('wrong pin', 3)
  assert.deepEqual(notes, ['with locks', 'login'])
  assert.equal(outcomes[2], 'pin: C_Login: CKR_PIN_INCORRECT; it is not tried again before the next start')
})

test('a session that was lost begins anew with the next question', async (t) => {
  if (skip) return t.skip(skip)
  const { outcomes, notes } = await ask('lost', 2)
  assert.deepEqual(outcomes, Array(2).fill('away: C_FindObjects: CKR_SESSION_HANDLE_INVALID'))
  assert.equal(notes.filter((note) => note === 'login').length, 2)
})

test('attributes that are not there, or of a size that cannot be, are none', async (t) => {
  if (skip) return t.skip(skip)
  for (const fault of ['garbage', 'too long']) assert.match((await ask(fault)).outcomes[0] ?? '', /^refused: the private key with the label "x" is of a kind that is not supported/)
  assert.deepEqual((await ask('nothing')).outcomes, ['null'])
})

test('the library stays loaded for as long as its session lasts, however memory is cleared', (t) => {
  if (skip) return t.skip(skip)
  const script = `
    import { findKey, openSession } from ${JSON.stringify(new URL('./session.js', import.meta.url).href)}
    const session = await openSession({ library: ${JSON.stringify(library())}, slot: null, label: 'fault', pin: 'x', isReadOnly: true })
    for (let i = 0; i < 20; i++) {
      await new Promise((resolve) => setImmediate(resolve))
      gc()
      findKey(session, 'private', { label: 'x', id: '' })
    }`
  const env = { ...process.env, FAULT: 'nothing', FAULT_NOTES: join(folder, 'notes of gc') }
  const { status, signal, stderr } = spawnSync(process.execPath, ['--expose-gc', '--input-type=module', '-e', script], { env, encoding: 'utf8' })
  assert.deepEqual([status, signal], [0, null], stderr)
})
