/** Addresses of listeners as they turned out, and how listeners of two configurations belong together. */
import type { BoundAddress } from '../http/bind.ts'
import type { ListenAddress } from '../http/listener-settings.ts'
import type { CustomHeaders } from '../http/encode.ts'
import type { ServerConfig } from './config/config.ts'
import type { ListenerConfig } from './config/listeners.ts'

/** The configuration with the ports that the system chose for port 0. */
export const withBound = (config: ServerConfig, bound: readonly BoundAddress[]): ServerConfig =>
  ({ ...config, listeners: config.listeners.map((listener, i) => withBoundPort(listener, bound[i])) })

function withBoundPort(listener: ListenerConfig, bound: BoundAddress | undefined): ListenerConfig {
  const { address } = listener.settings
  if (bound === undefined || 'path' in address || 'path' in bound) return listener
  return { ...listener, settings: { ...listener.settings, address: { ...address, port: bound.port } } }
}

/** The headers that a configuration read anew has for listeners that are there; null where it does not name one. */
export const headersFor = (given: readonly ListenerConfig[], anew: readonly ListenerConfig[]): readonly (CustomHeaders | null)[] =>
  given.map(({ settings: { address } }) => anew.find(({ settings }) => isSameAddress(settings.address, address))?.settings.customHeaders ?? null)

const isSameAddress = (a: ListenAddress, b: ListenAddress): boolean =>
  'path' in a ? 'path' in b && a.path === b.path : !('path' in b) && a.host === b.host && a.port === b.port
