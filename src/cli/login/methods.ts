/** Ways to log in: what to ask for, and which request it becomes. */
import { remoteError } from '../failure.ts'
import { trimPath } from '../paths.ts'
import type { LoginMethod } from './method.ts'
import { loginWithToken } from './token.ts'

/** The method logs in with a name in the path and a password in the body. */
const withPassword = (what: string, type: string): LoginMethod => ({
  summary: `Log in with a name and a password ${what}.`,
  values: { username: 'The name.', password: 'The password; asked for when not given.' },
  example: `login -method=${type} username=sally`,
  async login({ api, values, mount, ask }) {
    const { username, password } = values
    if (!username) throw remoteError("Error authenticating: 'username' must be specified")
    const secret = password || (await ask('Password (will be hidden): ', 'password'))
    return api.write(`auth/${mount}/login/${username}`, { password: secret })
  },
})

/** All values go to the method's login path as they are. */
const withValues = (summary: string, values: Readonly<Record<string, string>>, example: string): LoginMethod => ({
  summary,
  values,
  example,
  login: ({ api, values: given, mount }) => api.write(`auth/${mount}/login`, given),
})

const methods: Readonly<Record<string, LoginMethod>> = {
  token: {
    summary: 'Log in with a token that exists already.',
    values: { token: 'The token; asked for when not given.', lookup: 'false: do not ask the server about it.' },
    example: 'login hvs.CAESIJ...',
    login: loginWithToken,
  },
  userpass: withPassword('of this server', 'userpass'),
  ldap: withPassword('of a directory', 'ldap'),
  radius: withPassword('of a RADIUS server', 'radius'),
  approle: withValues(
    'Log in as an application, with the id of its role and a secret id.',
    { role_id: 'The id of the role.', secret_id: 'A secret id of the role.' },
    'login -method=approle role_id=@role-id secret_id=@secret-id',
  ),
  jwt: withValues(
    'Log in with a JSON web token of another system.',
    { role: 'The role to take.', jwt: 'The token.' },
    'login -method=jwt role=ci jwt=@token.jwt',
  ),
  kubernetes: withValues(
    'Log in with the service account of a pod.',
    { role: 'The role to take.', jwt: 'The token of the service account.' },
    'login -method=kubernetes role=web jwt=@/var/run/secrets/kubernetes.io/serviceaccount/token',
  ),
  cert: withValues(
    'Log in with the client certificate of the connection.',
    { name: 'The certificate role to try; default all.' },
    'login -method=cert -client-cert=web.pem -client-key=web-key.pem',
  ),
  generic: withValues(
    'Log in with any method that takes values at its login path.',
    { '...': 'Whatever the method wants.' },
    'login -method=generic -path=my-method role=web',
  ),
}

export const methodNames = (): string[] => Object.keys(methods)

export const findMethod = (name: string): LoginMethod | null => (Object.hasOwn(methods, name) ? (methods[name] ?? null) : null)

/** Where a method is mounted unless -path says otherwise. */
export const mountOf = (method: string, path: string | undefined): string => trimPath(path || method)
