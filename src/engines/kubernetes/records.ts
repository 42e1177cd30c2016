/** What a mount keeps: how the cluster is reached, and roles. */
import { records } from '../../kit/records.ts'

export interface Config {
  readonly host: string
  /** PEM; '': the authorities that Node knows. */
  readonly ca: string
  readonly jwt: string
  readonly disableLocal: boolean
}

export interface Role {
  readonly namespaces: readonly string[]
  /** A label selector as JSON or YAML, as it was given; '': none. */
  readonly selector: string
  /** One of these three is set. */
  readonly serviceAccount: string
  readonly roleName: string
  readonly rules: string
  readonly roleType: 'Role' | 'ClusterRole'
  readonly nameTemplate: string
  /** Seconds; 0: as the mount has it. */
  readonly defaultTtl: number
  readonly maxTtl: number
  readonly audiences: readonly string[] | null
  readonly labels: Readonly<Record<string, string>> | null
  readonly annotations: Readonly<Record<string, string>> | null
}

export const configs = records<Config, []>(() => 'config')
export const roles = records<Role, [name: string]>((name) => `role/${name}`)
