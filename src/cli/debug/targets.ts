/** What `debug` asks the server for. None of it holds secrets; names of mounts and policies it does. */

export interface DebugRequest {
  readonly file: string
  readonly path: string
  readonly query?: Readonly<Record<string, string>>
}

export const debugTargets: Readonly<Record<string, readonly DebugRequest[]>> = {
  'server-status': [
    { file: 'health.json', path: 'sys/health', query: { standbyok: 'true', sealedcode: '200', uninitcode: '200' } },
    { file: 'seal-status.json', path: 'sys/seal-status' },
    { file: 'leader.json', path: 'sys/leader' },
    { file: 'key-status.json', path: 'sys/key-status' },
    { file: 'version-history.json', path: 'sys/version-history', query: { list: 'true' } },
  ],
  config: [
    { file: 'config.json', path: 'sys/config/state/sanitized' },
    { file: 'loggers.json', path: 'sys/loggers' },
    { file: 'mounts.json', path: 'sys/mounts' },
    { file: 'auth.json', path: 'sys/auth' },
    { file: 'audit.json', path: 'sys/audit' },
  ],
  host: [{ file: 'host-info.json', path: 'sys/host-info' }],
  metrics: [{ file: 'metrics.txt', path: 'sys/metrics', query: { format: 'prometheus' } }],
  requests: [{ file: 'in-flight.json', path: 'sys/in-flight-req' }],
  counters: [
    { file: 'counters-tokens.json', path: 'sys/internal/counters/tokens' },
    { file: 'counters-entities.json', path: 'sys/internal/counters/entities' },
  ],
}
