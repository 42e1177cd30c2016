/** The key-value engines, versions 1 and 2, with their paths (`data/`, `metadata/`, …) hidden. */
import { expectSecret, type ListOptions, type RequestOptions, type Verbs } from './contract.ts'
import { trimSlashes } from './path.ts'

/** What version 2 knows of one version. Times are RFC 3339, '' when unset. */
export interface KvVersion {
  readonly version: number
  readonly created_time: string
  readonly deletion_time: string
  readonly destroyed: boolean
  readonly custom_metadata: Readonly<Record<string, string>> | null
}

export interface KvEntry<T> {
  /** Null for a version that was deleted or destroyed. */
  readonly data: T | null
  readonly metadata: KvVersion
}

export interface KvMetadata {
  readonly cas_required: boolean
  readonly created_time: string
  readonly updated_time: string
  readonly current_version: number
  readonly oldest_version: number
  readonly max_versions: number
  /** A duration such as `0s`. */
  readonly delete_version_after: string
  readonly custom_metadata: Readonly<Record<string, string>> | null
  readonly versions: Readonly<Record<string, Omit<KvVersion, 'version' | 'custom_metadata'>>>
}

export interface KvSettings {
  readonly max_versions?: number
  readonly cas_required?: boolean
  readonly delete_version_after?: string
  readonly custom_metadata?: Readonly<Record<string, string | null>>
}

export interface CasOptions extends RequestOptions {
  /** Write only if this is the current version; 0: only if there is none. */
  readonly cas?: number
}

export interface KvV1 {
  get<T = Record<string, unknown>>(path: string, options?: RequestOptions): Promise<T | null>
  put(path: string, data: object, options?: RequestOptions): Promise<void>
  delete(path: string, options?: RequestOptions): Promise<void>
  /** Names below a folder; folders end in `/`. */
  list(path?: string, options?: ListOptions): Promise<string[]>
}

export interface KvV2 {
  /** Null when there is no such secret; `data` is null when the version was deleted. */
  get<T = Record<string, unknown>>(path: string, options?: RequestOptions & { version?: number }): Promise<KvEntry<T> | null>
  put(path: string, data: object, options?: CasOptions): Promise<KvVersion>
  /** JSON merge patch: a null removes a key. */
  patch(path: string, data: object, options?: CasOptions): Promise<KvVersion>
  /** Soft: without versions, the current one. */
  delete(path: string, versions?: readonly number[], options?: RequestOptions): Promise<void>
  undelete(path: string, versions: readonly number[], options?: RequestOptions): Promise<void>
  /** For good. */
  destroy(path: string, versions: readonly number[], options?: RequestOptions): Promise<void>
  list(path?: string, options?: ListOptions): Promise<string[]>
  metadata(path: string, options?: RequestOptions): Promise<KvMetadata | null>
  putMetadata(path: string, settings: KvSettings, options?: RequestOptions): Promise<void>
  patchMetadata(path: string, settings: KvSettings, options?: RequestOptions): Promise<void>
  /** The secret with all its versions. */
  deleteMetadata(path: string, options?: RequestOptions): Promise<void>
}

export function kvV1(client: Verbs, mount: string): KvV1 {
  const at = (path: string): string => `${trimSlashes(mount)}/${path.replace(/^\/+/, '')}`
  return {
    get: async <T>(path: string, options?: RequestOptions) => (await client.read<T>(at(path), options))?.data ?? null,
    put: async (path, data, options) => void (await client.write(at(path), data, options)),
    delete: async (path, options) => void (await client.delete(at(path), options)),
    list: async (path = '', options) => (await client.list(at(path), options))?.data?.keys ?? [],
  }
}

export function kvV2(client: Verbs, mount: string): KvV2 {
  const at = (kind: string, path: string): string => `${trimSlashes(mount)}/${kind}/${path.replace(/^\/+/, '')}`
  const cased = ({ cas, ...options }: CasOptions = {}) => ({ options, body: cas === undefined ? {} : { cas } })
  return {
    async get<T>(path: string, { version, ...options }: RequestOptions & { version?: number } = {}) {
      const secret = await client.read<KvEntry<T>>(at('data', path), { ...options, query: { version, ...options.query } })
      return secret === null || secret.data === null ? null : { data: secret.data.data ?? null, metadata: secret.data.metadata }
    },
    async put(path, data, call) {
      const { options, body } = cased(call)
      return expectSecret(await client.write<KvVersion>(at('data', path), { data, options: body }, options), path).data
    },
    async patch(path, data, call) {
      const { options, body } = cased(call)
      return expectSecret(await client.patch<KvVersion>(at('data', path), { data, options: body }, options), path).data
    },
    async delete(path, versions, options) {
      await (versions === undefined ? client.delete(at('data', path), options) : client.write(at('delete', path), { versions }, options))
    },
    undelete: async (path, versions, options) => void (await client.write(at('undelete', path), { versions }, options)),
    destroy: async (path, versions, options) => void (await client.write(at('destroy', path), { versions }, options)),
    list: async (path = '', options) => (await client.list(at('metadata', path), options))?.data?.keys ?? [],
    metadata: async (path, options) => (await client.read<KvMetadata>(at('metadata', path), options))?.data ?? null,
    putMetadata: async (path, settings, options) => void (await client.write(at('metadata', path), settings, options)),
    patchMetadata: async (path, settings, options) => void (await client.patch(at('metadata', path), settings, options)),
    deleteMetadata: async (path, options) => void (await client.delete(at('metadata', path), options)),
  }
}
