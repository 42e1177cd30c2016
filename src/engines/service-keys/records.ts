/** What a mount keeps: services with their recipes, and the credentials that are looked after. */
import type { JsonObject } from '../../kit/json.ts'
import { records } from '../../kit/records.ts'
import type { Rotation, Schedule, Successor } from '../../kit/rotation/record.ts'
import type { HttpTls } from '../outbound/http.ts'

export interface Service {
  readonly url: string
  /** `http://` is taken for another machine as well. */
  readonly isInsecure: boolean
  readonly tls: HttpTls
  readonly timeoutSeconds: number
  /** What recipes may need and nobody is shown. */
  readonly secrets: Readonly<Record<string, string>>
  /** As it was given; `parseRecipe` has taken it. */
  readonly recipe: JsonObject
  /** Seconds for which an old credential stays valid beside the new one. */
  readonly overlapSeconds: number
}

export interface Secret {
  /** Of the rotation that has made it, also for the service; '': it was given. */
  readonly id: string
  readonly values: Readonly<Record<string, string>>
  /** False: the service has still to make its part, or nobody knows. */
  readonly isMade: boolean
}

/** A credential that is about to be taken away, because another one has taken its place. */
export interface Previous {
  readonly secret: Secret
  /** Milliseconds since 1970: until then it is valid; 0: it is about to be taken away. */
  readonly until: number
  /** When taking it away is tried next. */
  readonly nextAt: number
  readonly failure: string
  readonly failures: number
}

export interface Key {
  readonly service: string
  readonly params: Readonly<Record<string, string>>
  readonly secret: Secret | null
  readonly previous: Previous | null
  readonly schedule: Schedule | null
  readonly rotation: Rotation
  readonly successor: Successor<Secret> | null
}

export const services = records<Service, [name: string]>((name) => `service/${name}`)
export const keys = records<Key, [name: string]>((name) => `key/${name}`)
/** Which keys a service has. */
export const usesOf = (service: string): string => `use/${service}/`
export const uses = records<Record<never, never>, [service: string, key: string]>((service, key) => usesOf(service) + key)
