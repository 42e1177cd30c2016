/** Every engine and auth method of this server. */
import { authMethods } from '../auth/list.ts'
import { engines } from '../engines/list.ts'
import { registryOf } from '../core/registry.ts'
import { identity } from '../system/identity/index.ts'
import { system } from '../system/sys/index.ts'
import { tokenAuth } from '../system/token/index.ts'

const allEngines = [system, identity, tokenAuth, ...engines, ...authMethods]
export const builtinRegistry = () => registryOf(allEngines)
