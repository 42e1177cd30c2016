/** The auth methods that this server knows, besides `token`. A new one is a new folder and one line here. */
import type { Engine } from '../kit/engine.ts'
import { approle } from './approle/index.ts'
import { userpass } from './userpass/index.ts'

export const authMethods: readonly Engine[] = Object.freeze([approle, userpass])
