/** PKI: certificates from own authorities, and everything about their life. */
import { engine } from '../../kit/engine.ts'
import { readAcme, writeAcme } from './acme/config.ts'
import { acmeOperations } from './acme/directory.ts'
import { eabOperations } from './acme/eab.ts'
import { nonceChore } from './acme/tidy.ts'
import { validateChore } from './acme/validate.ts'
import { readCmp, writeCmp } from './cmp/config.ts'
import { pendingChore } from './cmp/pending.ts'
import { cmpOperations } from './cmp/serve.ts'
import { countChore } from './counts.ts'
import { readCrlConfig, writeCrlConfig } from './crl-config.ts'
import { estPlace, readEst, writeEst } from './est/config.ts'
import { estOperations } from './est/enrol.ts'
import { fetchOperations } from './fetch.ts'
import { importOperations } from './import.ts'
import { intermediateOperations } from './intermediates.ts'
import { issueOperations } from './issue.ts'
import { issuerOperations } from './issuers.ts'
import { keyOperations } from './keys.ts'
import { leaseKind } from './lease.ts'
import { ocspOperations } from './ocsp.ts'
import { resignOperations } from './resign.ts'
import { revokeOperations } from './revoke.ts'
import { deleteRole, listCelRoles, listRoles, patchRole, readRole, writeRole } from './roles.ts'
import { rootOperations } from './roots.ts'
import { readScep, writeScep } from './scep/config.ts'
import { scepOperations } from './scep/serve.ts'
import { signCaOperations } from './sign-ca.ts'
import { readAutoTidyConfig, writeAutoTidyConfig } from './tidy-config.ts'
import { cancelTidy, startTidy, tidyChore, tidyStatus } from './tidy.ts'
import { readClusterConfig, readUrlsConfig, writeClusterConfig, writeUrlsConfig } from './urls.ts'

export const pki = engine({
  type: 'pki',
  kind: 'secret',
  summary: 'Issues certificates, tells which were revoked, and keeps its authorities.',
  operations: [
    ...rootOperations, ...intermediateOperations, ...signCaOperations, ...importOperations, ...issuerOperations, ...keyOperations,
    readRole, writeRole, patchRole, deleteRole, listRoles, listCelRoles, ...issueOperations, ...revokeOperations, ...fetchOperations,
    readUrlsConfig, writeUrlsConfig, readClusterConfig, writeClusterConfig, readCrlConfig, writeCrlConfig,
    ...ocspOperations, ...resignOperations, startTidy, tidyStatus, cancelTidy, readAutoTidyConfig, writeAutoTidyConfig,
    readAcme, writeAcme, ...acmeOperations, ...eabOperations,
    readEst, writeEst, ...estOperations, readScep, writeScep, ...scepOperations, readCmp, writeCmp, ...cmpOperations,
  ],
  wellKnown: ({ store, path }) => estPlace(store, path),
  leases: { pki: leaseKind },
  chores: [tidyChore, countChore, validateChore, nonceChore, pendingChore],
})
