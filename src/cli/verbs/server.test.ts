/** The verb `server`: its flags, and the token that it leaves for later commands. What a server does is tested in `src/server`. */
import assert from 'node:assert/strict'
import { existsSync, readFileSync, symlinkSync } from 'node:fs'
import { join } from 'node:path'
import { test } from 'node:test'
import { inPlace, mainFile, type Place } from '../../server/testing/process.ts'

const dev = ['-dev', '-dev-root-token-id=root', '-dev-listen-address=127.0.0.1:0']

/** Starts a server under the name of `vault`, and stops it again. */
async function asVault(place: Place, args: readonly string[]): Promise<void> {
  const link = join(place.folder, 'vault')
  if (!existsSync(link)) symlinkSync(mainFile, link)
  // The file of an earlier one is removed: the shell's child may empty it only after the first look.
  const { code, err } = place.shell(`rm -f out; "${process.execPath}" ./vault server ${args.join(' ')} > out 2>&1 & p=$!
    for i in $(seq 300); do grep -qs started out && break; sleep 0.2; done
    kill $p; wait $p`)
  assert.equal(code, 0, err)
}

test('flags of Vault without a meaning here are named, and so are those that another one outweighs', () => inPlace(async (place) => {
  const server = await place.started([...dev, '-dev-no-store-token', '-dev-ha', '-log-file=x', '-data=d', '-listen=127.0.0.1:1'])
  for (const line of ['The flag -dev-ha has no effect here.', 'The flag -log-file has no effect here.', '-data has no effect with -dev.', '-listen has no effect with -dev.']) assert.ok(server.err().includes(line), line)
}))

test('a flag that is not known, and an argument, are wrong usage', () => inPlace(async (place) => {
  for (const args of [['-nonsense'], ['now']]) assert.equal((await place.start(args).ended).code, 1)
}))

test('dev mode as vault writes ~/.vault-token, as coffer it does not; a server that keeps its data never does', () => inPlace(async (place) => {
  const file = join(place.folder, '.vault-token')
  await (await place.started(dev)).stop()
  assert.equal(existsSync(file), false)
  place.file('.vault-token', 'of another server')
  await asVault(place, ['-data=d', '-listen=127.0.0.1:0'])
  assert.equal(readFileSync(file, 'utf8'), 'of another server')
  await asVault(place, dev)
  assert.equal(readFileSync(file, 'utf8'), 'root')
}))

test('a first start whose token cannot be saved shows it', () => inPlace(async (place) => {
  place.file('.coffer-token.d', 'a file, where the folder should be')
  const server = await place.started(['-data=d', '-listen=127.0.0.1:0'])
  assert.match(server.out(), /^The root token could not be saved \(E\w+: .*\)\. It is: hvs\.\S{24}$/m)
  await server.stop()
  const other = await place.started(dev)
  assert.match(other.out(), /^The root token could not be saved \(E\w+: .*\)\. It is: root$/m)
}))
