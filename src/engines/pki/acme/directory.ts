/** Every path of the ACME server, below each kind of directory. */
import { text, type Fields } from '../../../kit/fields.ts'
import { path, type Call, type Operation } from '../../../kit/operation.ts'
import { issuerRef } from '../issue.ts'
import { roleName } from '../roles.ts'
import { changeKey, newAccount, updateAccount } from './accounts.ts'
import { showAuthorization, tryChallenge } from './authorizations.ts'
import { renewalInfo, revokeByAcme } from './certificates.ts'
import { makeEab } from './eab.ts'
import { downloadCertificate, finalize, listOrders, newOrder, showOrder } from './orders.ts'
import { serveAcme, type AcmeAnswer, type Context, type Scope } from './scope.ts'

type Params = Readonly<Record<string, string>>

/** The same paths under four beginnings: their templates are put together here, so that types cannot name the parameters. */
const anyPath = path as unknown as (template: string, params: Fields) => Readonly<Record<'read' | 'write', (spec: object) => Operation>>

interface Beginning {
  readonly template: string
  readonly params: Fields
}

const beginnings: readonly Beginning[] = [
  { template: '', params: {} },
  { template: 'issuer/{issuer_ref}/', params: { issuer_ref: issuerRef } },
  { template: 'roles/{role}/', params: { role: roleName } },
  { template: 'issuer/{issuer_ref}/roles/{role}/', params: { issuer_ref: issuerRef, role: roleName } },
]

const scopeOf = ({ template }: Beginning, params: Params): Scope => ({
  prefix: template.replaceAll(/\{(\w+)\}/g, (_, name: string) => params[name] ?? ''), issuerRef: params['issuer_ref'] ?? null, roleName: params['role'] ?? null,
})

const directory = async ({ base, config }: Context): Promise<AcmeAnswer> => ({
  body: {
    newNonce: `${base}new-nonce`, newAccount: `${base}new-account`, newOrder: `${base}new-order`, revokeCert: `${base}revoke-cert`, keyChange: `${base}key-change`,
    renewalInfo: `${base}renewal-info`, meta: { externalAccountRequired: config.eab_policy !== 'not-required' },
  },
})

const newNonceAnswer = async (): Promise<AcmeAnswer> => ({ status: 204 })

const id = text('Its id.')
type Handler = (context: Context, params: Params) => Promise<AcmeAnswer>

interface Endpoint {
  readonly tail: string
  readonly verb: 'read' | 'write'
  readonly summary: string
  readonly params?: Fields
  readonly headStatus?: number
  readonly handle: Handler
}

const of = (params: Params, name: string): string => params[name] ?? ''

const endpoints: readonly Endpoint[] = [
  { tail: 'directory', verb: 'read', summary: 'Show where everything of this ACME server is (RFC 8555 §7.1.1).', handle: directory },
  { tail: 'new-nonce', verb: 'read', summary: 'Fetch a nonce.', headStatus: 200, handle: newNonceAnswer },
  { tail: 'new-account', verb: 'write', summary: 'Make an account, or find it by its key.', handle: newAccount },
  { tail: 'account/{account}', verb: 'write', summary: 'Show, change or deactivate an account.', params: { account: id }, handle: (context, params) => updateAccount(context, of(params, 'account')) },
  { tail: 'key-change', verb: 'write', summary: 'Give an account another key.', handle: changeKey },
  { tail: 'new-order', verb: 'write', summary: 'Order a certificate.', handle: newOrder },
  { tail: 'orders', verb: 'write', summary: 'List the orders of the account.', handle: listOrders },
  { tail: 'order/{order}', verb: 'write', summary: 'Show an order.', params: { order: id }, handle: (context, params) => showOrder(context, of(params, 'order')) },
  { tail: 'order/{order}/finalize', verb: 'write', summary: 'Hand in the signing request of an order.', params: { order: id }, handle: (context, params) => finalize(context, of(params, 'order')) },
  { tail: 'order/{order}/cert', verb: 'write', summary: 'Download the certificate of an order.', params: { order: id }, handle: (context, params) => downloadCertificate(context, of(params, 'order')) },
  { tail: 'authorization/{authorization}', verb: 'write', summary: 'Show or deactivate an authorization.', params: { authorization: id }, handle: (context, params) => showAuthorization(context, of(params, 'authorization')) },
  {
    tail: 'challenge/{authorization}/{kind}', verb: 'write', summary: 'Show a challenge, or ask for it to be checked.', params: { authorization: id, kind: text('http-01, dns-01 or tls-alpn-01.') },
    handle: (context, params) => tryChallenge(context, of(params, 'authorization'), of(params, 'kind')),
  },
  { tail: 'revoke-cert', verb: 'write', summary: 'Revoke a certificate, as its account or with its key.', handle: revokeByAcme },
  { tail: 'renewal-info/{certificate}', verb: 'read', summary: 'Show when a certificate should be renewed (RFC 9773).', params: { certificate: id }, handle: (context, params) => renewalInfo(context, of(params, 'certificate')) },
]

function operationsAt(beginning: Beginning): Operation[] {
  const served = endpoints.map(({ tail, verb, summary, params = {}, headStatus, handle }) =>
    anyPath(`${beginning.template}acme/${tail}`, { ...beginning.params, ...params })[verb]({
      summary, access: 'public', arbitraryInput: true, ...(headStatus === undefined ? {} : { headStatus }),
      handle: (call: Call<Params, unknown>) => serveAcme(call, scopeOf(beginning, call.params), (context) => handle(context, call.params)),
    }),
  )
  const eab = anyPath(`${beginning.template}acme/new-eab`, beginning.params).write({
    summary: 'Make an external account binding for this directory.',
    handle: (call: Call<Params, unknown>) => makeEab(call, scopeOf(beginning, call.params).prefix),
  })
  return [...served, eab]
}

export const acmeOperations: readonly Operation[] = beginnings.flatMap(operationsAt)
