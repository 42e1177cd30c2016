/** `ssh` and `ssh-helper`, with a real server, OpenSSH on both sides, and PAM. */
import assert from 'node:assert/strict'
import { spawn, spawnSync } from 'node:child_process'
import { chmodSync, mkdirSync, readFileSync, readdirSync, writeFileSync } from 'node:fs'
import { tmpdir, userInfo } from 'node:os'
import { join } from 'node:path'
import { after, before, test } from 'node:test'
import { openShell, type Outcome, type TestShell } from '../testing/command.ts'
import { mainFile, startTestServer, type TestServer } from '../testing/server.ts'
import { makeSshdFolder, missingPamWrapper, missingSshd, startSshd, type Sshd } from '../testing/sshd.ts'

const user = userInfo().username
let server: TestServer
let shell: TestShell

before(async () => {
  server = await startTestServer()
  shell = openShell({ COFFER_ADDR: server.address, COFFER_TOKEN: server.token })
  await shell.ok(['secrets', 'enable', 'ssh'])
  await shell.ok(['write', 'ssh/roles/otp', 'key_type=otp', `default_user=${user}`, 'cidr_list=127.0.0.0/8', 'allowed_users=*'])
})
after(async () => {
  shell.close()
  await server.stop()
})

/** The command as a process of its own, because ssh writes to its streams. It sees the folders of the test and nothing of who runs it. */
function runCommand(args: readonly string[], environment: Readonly<Record<string, string>> = {}, input = ''): Promise<Outcome> {
  return new Promise((resolve, reject) => {
    const env = { PATH: process.env['PATH'], HOME: shell.home, COFFER_ADDR: server.address, COFFER_TOKEN: server.token, ...environment }
    const child = spawn(process.execPath, [mainFile, ...args], { env, cwd: shell.home, timeout: 60_000 })
    let [out, err] = ['', '']
    child.stdout.setEncoding('utf8').on('data', (text: string) => (out += text))
    child.stderr.setEncoding('utf8').on('data', (text: string) => (err += text))
    child.once('error', reject).once('close', (code) => resolve({ code: code ?? -1, out, err }))
    child.stdin.on('error', () => undefined).end(input)
  })
}

const leftovers = (): string[] => readdirSync(tmpdir()).filter((name) => name.startsWith('coffer-ssh-'))

/** Trusts the user authority of the server for `principal`, and shows a host key that the other authority has signed for 127.0.0.1. */
async function startWithCertificates(principal: string): Promise<Sshd> {
  const folder = makeSshdFolder()
  const at = (name: string): string => join(folder, name)
  writeFileSync(at('ca.pub'), await shell.ok(['read', '-format=raw', 'ssh/public_key']))
  writeFileSync(at('principals'), `${principal}\n`)
  const sign = ['write', '-field=signed_key', 'hosts/sign/host', 'cert_type=host', 'valid_principals=127.0.0.1', `public_key=@${at('host.pub')}`]
  writeFileSync(at('host-cert.pub'), await shell.ok(sign))
  return await startSshd(folder, [
    `TrustedUserCAKeys ${at('ca.pub')}`, `AuthorizedPrincipalsFile ${at('principals')}`, `HostCertificate ${at('host-cert.pub')}`,
    'UsePAM no', 'PasswordAuthentication no', 'KbdInteractiveAuthentication no',
  ])
}

test('mode ca: sshd lets in with a certificate of each kind of authority, and the client trusts the host by its certificate', { skip: missingSshd }, async () => {
  mkdirSync(join(shell.home, '.ssh'), { recursive: true })
  const made = spawnSync('ssh-keygen', ['-q', '-t', 'ed25519', '-N', '', '-f', join(shell.home, '.ssh/id_ed25519')])
  assert.equal(made.status, 0)
  await shell.ok(['secrets', 'enable', '-path=hosts', 'ssh'])
  await shell.ok(['write', 'hosts/config/ca', 'key_type=ec'])
  await shell.ok(['write', 'hosts/roles/host', 'key_type=ca', 'allow_host_certificates=true', 'allowed_domains=*'])
  await shell.ok(['write', 'ssh/roles/ops', 'key_type=ca', 'allow_user_certificates=true', 'allowed_users=*', 'allowed_extensions=*'])
  const before = leftovers()
  for (const [key_type, key_bits] of [['ed25519', '0'], ['ec', '384'], ['rsa', '2048']] as const) {
    await shell.ok(['write', 'ssh/config/ca', `key_type=${key_type}`, `key_bits=${key_bits}`])
    const sshd = await startWithCertificates('deploy')
    try {
      const log = async (...options: string[]) =>
        await runCommand(['ssh', '-mode=ca', '-role=ops', '-host-key-mount-point=hosts', ...options, '--', '-p', String(sshd.port), `${user}@127.0.0.1`, 'echo in; exit 7'])
      assert.deepEqual(await log('-valid-principals=deploy'), { code: 7, out: 'in\n', err: '' }, sshd.log())
      assert.match(sshd.log(), /Accepted publickey for .* ED25519-CERT .* ID vault-token-[0-9a-f]{64} \(serial \d+\) CA/)
      const refused = await log('-valid-principals=somebody-else')
      assert.deepEqual([refused.code, refused.out], [255, ''])
      assert.match(refused.err, /Permission denied/)
    } finally {
      await sshd.stop()
    }
  }
  assert.deepEqual(leftovers(), before, 'nothing is left of certificates')
})

test('mode ca: a host whose key the authority has not signed is not connected to', { skip: missingSshd }, async () => {
  await shell.ok(['write', 'ssh/config/ca', 'key_type=ed25519'])
  const sshd = await startWithCertificates(user)
  try {
    const wrong = await runCommand(['ssh', '-mode=ca', '-role=ops', '-host-key-mount-point=ssh', `${user}@127.0.0.1`, '-p', String(sshd.port), 'true'])
    assert.equal(wrong.code, 255)
    assert.match(wrong.err, /Host key verification failed/)
  } finally {
    await sshd.stop()
  }
})

test('mode ca: where the role allows no extensions, its own count', { skip: missingSshd }, async () => {
  await shell.ok(['write', 'ssh/roles/narrow', 'key_type=ca', 'allow_user_certificates=true', 'allowed_users=*'])
  const { code, out, err } = await runCommand(['ssh', '-mode=ca', '-role=narrow', '-no-exec', '-field=signed_key', `${user}@127.0.0.1`])
  assert.equal(code, 0, err)
  const shown = spawnSync('ssh-keygen', ['-L', '-f', '-'], { input: out, encoding: 'utf8' }).stdout
  assert.match(shown, /Extensions: \(none\)/)
})

/** sshd whose PAM runs our own helper, as on a host; `config` are lines of its configuration. */
async function startWithHelper(...config: readonly string[]): Promise<Sshd> {
  const folder = makeSshdFolder()
  writeFileSync(join(folder, 'helper.hcl'), [`vault_addr = "${server.address}"`, 'ssh_mount_point = "ssh"', ...config, ''].join('\n'))
  const helper = join(folder, 'helper.sh')
  writeFileSync(helper, `#!/bin/sh\nexec '${process.execPath}' '${mainFile}' ssh-helper -dev -config='${folder}/helper.hcl' >> '${folder}/helper.log' 2>&1\n`)
  chmodSync(helper, 0o755)
  return await startSshd(folder, ['UsePAM yes', 'KbdInteractiveAuthentication yes', 'PasswordAuthentication no', 'PubkeyAuthentication no'], helper)
}

const helperLog = (sshd: Sshd): string => readFileSync(join(sshd.folder, 'helper.log'), 'utf8')

test('mode otp: sshd asks PAM, PAM our helper, and the helper the server; the password is spent and its lease ended', { skip: missingPamWrapper }, async () => {
  const sshd = await startWithHelper('allowed_roles = "otp"')
  try {
    const options = ['ssh', '-mode=otp', '-role=otp', '-strict-host-key-checking=no', '-user-known-hosts-file=/dev/null']
    const { code, out, err } = await runCommand([...options, `${user}@127.0.0.1`, '-p', String(sshd.port), 'echo in; exit 3'])
    assert.deepEqual([code, out], [3, 'in\n'], `${err}${sshd.log()}`)
    assert.equal(helperLog(sshd), `${user} authenticated!\n`)
    assert.match(sshd.log(), /Accepted keyboard-interactive\/pam/)
    const { code: none } = await shell.run(['list', 'sys/leases/lookup/ssh/creds/otp'])
    assert.equal(none, 2, 'no lease is left')
  } finally {
    await sshd.stop()
  }
})

test('mode otp: a password of a role that the host does not take is refused', { skip: missingPamWrapper }, async () => {
  const sshd = await startWithHelper('allowed_roles = "other"')
  try {
    const options = ['ssh', '-mode=otp', '-role=otp', '-strict-host-key-checking=no', '-user-known-hosts-file=/dev/null']
    const { code, out } = await runCommand([...options, `${user}@127.0.0.1`, '-p', String(sshd.port), 'echo in'])
    assert.deepEqual([code, out], [255, ''])
    assert.match(helperLog(sshd), /^the password is of the role "otp", which is not among allowed_roles$/m)
  } finally {
    await sshd.stop()
  }
})

async function askHelper(config: string, input: string, environment: Readonly<Record<string, string>> = { PAM_USER: user }, ...flags: string[]): Promise<Outcome> {
  const file = join(shell.home, 'helper.hcl')
  writeFileSync(file, config)
  return await runCommand(['ssh-helper', '-dev', `-config=${file}`, ...flags], environment, input)
}
const config = (more = 'allowed_roles = "*"'): string => `vault_addr = "${server.address}"\n${more}\n`
const otpFor = async (...args: string[]): Promise<string> => await shell.ok(['write', '-field=key', 'ssh/creds/otp', ...args])

test('the helper lets in whom the password is for, on this host, once', async () => {
  const otp = await otpFor('ip=127.0.0.1')
  assert.deepEqual(await askHelper(config(), `${otp}\0`), { code: 0, out: `${user} authenticated!\n`, err: '' })
  const again = await askHelper(config(), otp)
  assert.equal(again.code, 2)
  assert.match(again.err, /OTP not found/)
  assert.ok(!again.err.includes(otp))
})

test('the helper refuses the password of another user, of another host, of nobody, and none', async () => {
  await shell.ok(['write', 'ssh/roles/otp', 'key_type=otp', `default_user=${user}`, 'cidr_list=0.0.0.0/0', 'allowed_users=*'])
  const refusals: readonly (readonly [otp: string, environment: Record<string, string>, why: RegExp])[] = [
    [await otpFor('ip=127.0.0.1', 'username=other'), { PAM_USER: user }, /^the password is for another user$/m],
    [await otpFor('ip=192.0.2.1'), { PAM_USER: user }, /^the password is for an address that this host does not have$/m],
    [await otpFor('ip=127.0.0.1'), {}, /^PAM_USER is not set/m],
    ['', { PAM_USER: user }, /^no password on standard input$/m],
    ['verify-echo-request', { PAM_USER: user }, /^the password is for another user$/m],
  ]
  for (const [otp, environment, why] of refusals) {
    const { code, out, err } = await askHelper(config(), otp, environment)
    assert.deepEqual([code, out], [2, ''])
    assert.match(err, why)
  }
  const behindRouter = await askHelper(config('allowed_roles = "a, otp"\nallowed_cidr_list = "192.0.2.0/24"'), await otpFor('ip=192.0.2.1'))
  assert.equal(behindRouter.code, 0, behindRouter.err)
})

test('the helper says whether its configuration leads to an SSH engine', async () => {
  assert.deepEqual(await askHelper(config(), '', {}, '-verify-only'), { code: 0, out: 'Helper verification successful!\n', err: '' })
  assert.equal((await askHelper(config('allowed_roles = "*"\nssh_mount_point = "secret"'), '', {}, '-verify-only')).code, 2)
})

test('a configuration that makes no sense is refused, naming the key', async () => {
  for (const [text, why] of [
    ['', /vault_addr is missing/], [`vault_addr = "${server.address}"`, /allowed_roles is missing/], [config('allowed_role = "*"'), /unknown key "allowed_role"/],
    [config('allowed_roles = "*"\nallowed_cidr_list = "x"'), /allowed_cidr_list/], [config('allowed_roles = "*"\ntls_skip_verify = "maybe"'), /tls_skip_verify/],
    [config('allowed_roles = ['), /cannot be read/], ['vault_addr = "ftp://x"\nallowed_roles = "*"', /does not begin with https/],
  ] as const) {
    const { code, err } = await askHelper(text, 'x')
    assert.equal(code, 1, err)
    assert.match(err, why)
  }
  writeFileSync(join(shell.home, 'plain.hcl'), config())
  const { code, err } = await runCommand(['ssh-helper', `-config=${join(shell.home, 'plain.hcl')}`], {}, 'x')
  assert.equal(code, 1)
  assert.match(err, /only -dev allows/)
})

test('wrong usage is told before anything is asked for', async () => {
  for (const [args, why] of [
    [['ssh', 'host'], /No -role specified/], [['ssh', '-role=r', 'host'], /No -mode specified/], [['ssh', '-role=r', '-mode=magic', 'host'], /Unknown SSH mode: magic/],
    [['ssh', '-role=r', '-mode=ca', '--', '-p', '22'], /No host/], [['ssh', '-role=r', '-mode=ca'], /Not enough arguments/],
    [['ssh', '-role=r', '-mode=ca', '-public-key-path=/none', 'host'], /failed to read public key \/none: .*no such file/],
  ] as const) {
    const { code, err } = await shell.run(args)
    assert.equal(code, 1)
    assert.match(err, why)
  }
})
