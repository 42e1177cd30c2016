/** Every engine and auth method of this server. */
import { authMethods } from '../auth/list.ts'
import { engines } from '../engines/list.ts'
import { registryOf } from '../core/registry.ts'
import { identity } from '../system/identity/index.ts'
import { system } from '../system/sys/index.ts'
import { tokenAuth } from '../system/token/index.ts'

const allEngines = [system, identity, tokenAuth, ...engines, ...authMethods]
/** Throws when two operations of one engine could not be told apart. */
export const builtinRegistry = () => registryOf(allEngines)
