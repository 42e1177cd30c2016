/** An OpenLDAP server for tests, with an administrator, accounts below `ou=users`, and TLS. */
import { spawnSync } from 'node:child_process'
import { mkdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { makeAuthority, tlsFiles } from '../../database/testing/authority.ts'
import { findProgram, freePort, makeFolder, removeFolder, startProgram, untilReady } from '../../database/testing/place.ts'

export interface Slapd {
  readonly url: string
  readonly tlsUrl: string
  /** PEM, of the authority of its certificate. */
  readonly ca: string
  readonly admin: { readonly binddn: string; readonly bindpass: string }
  /** The DN of an account. */
  readonly dnOf: (name: string) => string
  readonly makeAccount: (name: string, password: string) => void
  readonly canLogIn: (dn: string, password: string) => boolean
  /** Runs LDIF as somebody who may do everything. */
  readonly modify: (ldif: string) => void
  /** The DNs below `ou=users` that match, sorted. */
  readonly find: (filter: string) => readonly string[]
  /** The values of an attribute of an account, in base64. */
  readonly values: (dn: string, attribute: string) => readonly string[]
  readonly resetAdmin: () => void
  /** A certificate that this server trusts, of a client. */
  readonly client: { readonly cert: string; readonly key: string }
  readonly stop: () => Promise<void>
}

const base = 'dc=example,dc=com'
const keeper = { dn: `cn=keeper,${base}`, password: 'keeper-password' }
const admin = { binddn: `cn=coffer-admin,${base}`, bindpass: 'first/Pass w:ord@%1' }

const configuration = (folder: string, files: { readonly ca: string; readonly cert: string; readonly key: string }, verifyClient: string): string => `
include /etc/ldap/schema/core.schema
include /etc/ldap/schema/cosine.schema
include /etc/ldap/schema/inetorgperson.schema
attributetype ( 1.2.840.113556.1.4.90 NAME 'unicodePwd' SYNTAX 1.3.6.1.4.1.1466.115.121.1.40 )
attributetype ( 1.3.18.0.2.4.155 NAME 'racfPassword' SYNTAX 1.3.6.1.4.1.1466.115.121.1.40 )
attributetype ( 1.3.18.0.2.4.156 NAME 'racfAttributes' SYNTAX 1.3.6.1.4.1.1466.115.121.1.15 )
attributetype ( 1.3.18.0.2.4.157 NAME 'racfid' EQUALITY caseIgnoreMatch SYNTAX 1.3.6.1.4.1.1466.115.121.1.15 )
attributetype ( 1.2.840.113556.1.4.656 NAME 'userPrincipalName' EQUALITY caseIgnoreMatch SYNTAX 1.3.6.1.4.1.1466.115.121.1.15 )
objectclass ( 1.3.18.0.2.6.55 NAME 'testAccount' SUP top AUXILIARY MAY ( unicodePwd $ racfPassword $ racfAttributes $ racfid $ userPrincipalName ) )
pidfile ${folder}/slapd.pid
modulepath /usr/lib/ldap
moduleload back_mdb
TLSCACertificateFile ${files.ca}
TLSCertificateFile ${files.cert}
TLSCertificateKeyFile ${files.key}
TLSVerifyClient ${verifyClient}
database mdb
suffix "${base}"
rootdn "${keeper.dn}"
rootpw ${keeper.password}
directory ${folder}/data
maxsize 10485760
access to dn.subtree="ou=locked,${base}" by * none
access to * by dn.exact="${admin.binddn}" write by anonymous auth by * none
`

const account = (dn: string, name: string, password: string): string => `dn: ${dn}
objectClass: inetOrgPerson
objectClass: testAccount
cn: ${name}
sn: ${name}
userPrincipalName: ${name}@example.com
userPassword: ${password}
`

const entries = `dn: ${base}
objectClass: domain
dc: example

dn: ou=users,${base}
objectClass: organizationalUnit
ou: users

dn: ou=locked,${base}
objectClass: organizationalUnit
ou: locked

${account(admin.binddn, 'coffer-admin', admin.bindpass)}`

/** Null: it is not installed. */
export async function startSlapd({ verifyClient = 'never' }: { readonly verifyClient?: 'never' | 'demand' } = {}): Promise<Slapd | null> {
  const [program, search, whoami, change] = ['slapd', 'ldapsearch', 'ldapwhoami', 'ldapmodify'].map((name) => findProgram(name))
  if (program == null || search == null || whoami == null || change == null) return null
  const folder = makeFolder('slapd', null)
  mkdirSync(join(folder, 'data'))
  const authority = await makeAuthority()
  writeFileSync(join(folder, 'slapd.conf'), configuration(folder, tlsFiles(authority, folder, null), verifyClient))
  const [port, tlsPort] = [await freePort(), await freePort()]
  const url = `ldap://127.0.0.1:${port}`
  const tlsUrl = `ldaps://127.0.0.1:${tlsPort}`
  const daemon = startProgram(program, ['-f', join(folder, 'slapd.conf'), '-h', `${url} ${tlsUrl}`, '-d', '0'], { cwd: folder })
  const run = (tool: string, args: readonly string[], input = ''): { status: number | null; stdout: string; stderr: string } =>
    spawnSync(tool, ['-x', '-H', url, ...args], { encoding: 'utf8', input, env: { ...process.env, LDAPNOINIT: '1' } })
  const asKeeper = ['-D', keeper.dn, '-w', keeper.password]
  const modify = (ldif: string): void => {
    const { status, stderr } = run(change, asKeeper, ldif)
    if (status !== 0) throw new Error(`ldapmodify: ${stderr}`)
  }
  const stop = async (): Promise<void> => {
    await daemon.stop()
    removeFolder(folder)
  }
  try {
    await untilReady(daemon, async () => run(whoami, asKeeper).status === 0)
    modify(entries.replaceAll(/^dn: .*$/gm, '$&\nchangetype: add'))
  } catch (error) {
    await stop()
    throw error
  }
  const dnOf = (name: string): string => `cn=${name},ou=users,${base}`
  const linesOf = (args: readonly string[], attribute: string): readonly string[] => {
    const found = run(search, [...asKeeper, '-LLL', '-o', 'ldif-wrap=no', ...args, attribute]).stdout
    const marks = [...found.matchAll(new RegExp(`^${attribute}(::?) (.*)$`, 'gm'))]
    return marks.map(([, mark, value = '']) => (mark === '::' ? value : Buffer.from(value).toString('base64')))
  }
  return {
    url, tlsUrl, ca: authority.ca, admin, client: authority.issue('localhost'), modify, stop, dnOf,
    makeAccount: (name, password) => modify(account(dnOf(name), name, password).replace('\n', '\nchangetype: add\n')),
    canLogIn: (dn, password) => run(whoami, ['-D', dn, '-w', password]).status === 0,
    find: (filter) => [...run(search, [...asKeeper, '-LLL', '-o', 'ldif-wrap=no', '-b', `ou=users,${base}`, '-s', 'one', filter, 'dn']).stdout.matchAll(/^dn: (.*)$/gm)].map(([, dn = '']) => dn).sort(),
    values: (dn, attribute) => linesOf(['-b', dn, '-s', 'base'], attribute),
    resetAdmin: () => modify(`dn: ${admin.binddn}\nchangetype: modify\nreplace: userPassword\nuserPassword: ${admin.bindpass}\n`),
  }
}
