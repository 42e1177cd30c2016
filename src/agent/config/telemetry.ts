/** `telemetry`: how the figures of an agent are named. They are there to be read; keys that would send them are named. */
import { AgentConfigError, type Block } from './entries.ts'
import type { TelemetrySettings } from './settings.ts'

export interface TelemetryChoice {
  readonly telemetry: TelemetrySettings
  readonly warnings: readonly string[]
}

const circonus = ['api_app', 'api_token', 'api_url', 'broker_id', 'broker_select_tag', 'check_display_name', 'check_force_metric_activation', 'check_id', 'check_instance_id', 'check_search_tag', 'check_tags', 'submission_interval', 'submission_url'].map((key) => `circonus_${key}`)
const sending = ['statsite_address', 'statsd_address', 'dogstatsd_addr', 'dogstatsd_tags', 'stackdriver_project_id', 'stackdriver_location', 'stackdriver_namespace', 'stackdriver_debug_logs', ...circonus]
/** Of figures that only a server has, or names of hosts, which ours never have. */
const elsewhere = ['disable_hostname', 'enable_hostname_label', 'usage_gauge_period', 'maximum_gauge_cardinality', 'lease_metrics_epsilon', 'num_lease_metrics_buckets', 'add_lease_metrics_namespace_labels', 'add_mount_point_rollback_metrics', 'rollback_metrics_include_mount_point']
const filters = ['prefix_filter', 'filter_default']

/** Throws `AgentConfigError`. */
export function telemetryOf(block: Block | null): TelemetryChoice {
  if (block === null) return { telemetry: { prefix: 'vault', prometheus: true }, warnings: [] }
  const prefix = block.text('metrics_prefix', 'vault') || 'vault'
  if (!/^[A-Za-z_][A-Za-z0-9_.-]*$/.test(prefix)) throw new AgentConfigError('telemetry.metrics_prefix: expected letters, digits, underscores, dots and hyphens')
  const prometheus = block.seconds('prometheus_retention_time', 1) > 0
  block.ignore(...elsewhere)
  const warnings = [
    ...block.ignore(...sending).map((key) => `telemetry.${key} has no effect: figures are not sent, read them at /agent/v1/metrics`),
    ...block.ignore(...filters).map((key) => `telemetry.${key} has no effect: there are few figures`),
  ]
  block.finish()
  return { telemetry: { prefix, prometheus }, warnings }
}
