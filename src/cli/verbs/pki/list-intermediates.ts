/** `pki list-intermediates PARENT [CHILD...]`: which issuers were made by one. */
import type { Api } from '../../api.ts'
import { defineCommand } from '../../command.ts'
import { step } from '../../describe-failure.ts'
import { bool, choiceOfBool } from '../../flags.ts'
import { compareIssuers, fieldsOf, readIssuer, type Comparison } from '../../pki/compare.ts'
import { trimPath } from '../../paths.ts'

async function pkiMounts(api: Api): Promise<string[]> {
  const mounts = fieldsOf((await api.read('sys/mounts'))?.data)
  return Object.entries(mounts).filter(([, mount]) => fieldsOf(mount)['type'] === 'pki').map(([path]) => trimPath(path))
}

/** Paths of the issuers of a mount, by name where there is one and `byName` is set; a path of an issuer stays what it is. */
async function issuersAt(api: Api, given: string, byName: boolean): Promise<string[]> {
  const path = trimPath(given)
  if (path.includes('/issuer/')) return [path]
  const data = fieldsOf((await api.list(`${path}/issuers`))?.data)
  const info = fieldsOf(data['key_info'])
  const nameOf = (id: string): string => {
    const name = fieldsOf(info[id])['issuer_name']
    return byName && typeof name === 'string' && name !== '' ? name : id
  }
  return Array.isArray(data['keys']) ? data['keys'].map((id) => `${path}/issuer/${nameOf(String(id))}`) : []
}

export const command = defineCommand({
  name: 'pki list-intermediates',
  summary: 'List which issuers an issuer made',
  arguments: 'PARENT [CHILD...]',
  description: 'Compares the parent with issuers, or with all issuers of mounts; without any, with those of all PKI mounts. The flags choose what must match.',
  examples: [['What hangs on this root?', 'pki list-intermediates -use_names pki/issuer/root']],
  flags: {
    subject_match: choiceOfBool('The subject of the parent is the issuer of the child. Default true.'),
    key_id_match: choiceOfBool('The key identifiers agree. Default true.'),
    direct_sign: choiceOfBool('The key of the parent signed the child. Default true.'),
    indirect_sign: choiceOfBool('Trust in the parent is enough for the child. Default true.'),
    path_match: choiceOfBool('The parent stands in the chain of the child. Default false.'),
    use_names: bool('Show names instead of ids.'),
  },
  output: ['format'],
  args: { min: 1, max: -1 },
  completes: 'path',
  async run(session) {
    const { subject_match: subject, key_id_match: keyId, direct_sign: direct, indirect_sign: indirect, path_match: inPath, use_names: byName } = session.flags
    const isMatch = (found: Comparison): boolean =>
      (found.subject_match || subject === false) && (found.key_id_match || keyId === false) && (found.signature_match || direct === false) && (found.trust_match || indirect === false) && (found.path_match || inPath !== true)
    const [parentPath = '', ...given] = session.args
    const api = await session.api()
    const results = await step('failed to compare the issuers', async () => {
      const parent = await readIssuer(api, parentPath)
      const places = given.length === 0 ? await pkiMounts(api) : given
      const children = (await Promise.all(places.map((place) => issuersAt(api, place, byName)))).flat()
      return await Promise.all(children.map(async (path) => [path, isMatch(compareIssuers(parent, await readIssuer(api, path), session.host.now()))] as const))
    })
    await session.print.data(Object.fromEntries(results), () => [['Intermediate', 'Match?'], ...results.map(([path, match]) => [path, String(match)])])
  },
})
