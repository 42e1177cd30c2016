/** `telemetry`: how the figures of an agent are named, and where they are sent. Keys for other ways of sending are named. */
import { dogReceiverShown, findReceiver, nothingSent, receiverShown, sendingOf, standardPrefix, type Receiver } from '../../statsd/settings.ts'
import { AgentConfigError, type Block } from './entries.ts'
import type { TelemetrySettings } from './settings.ts'

export interface TelemetryChoice {
  readonly telemetry: TelemetrySettings
  readonly warnings: readonly string[]
}

const circonus = ['api_app', 'api_token', 'api_url', 'broker_id', 'broker_select_tag', 'check_display_name', 'check_force_metric_activation', 'check_id', 'check_instance_id', 'check_search_tag', 'check_tags', 'submission_interval', 'submission_url'].map((key) => `circonus_${key}`)
const others = ['stackdriver_project_id', 'stackdriver_location', 'stackdriver_namespace', 'stackdriver_debug_logs', ...circonus]
/** Of figures that only a server has. */
const elsewhere = ['usage_gauge_period', 'maximum_gauge_cardinality', 'lease_metrics_epsilon', 'num_lease_metrics_buckets', 'add_lease_metrics_namespace_labels', 'add_mount_point_rollback_metrics', 'rollback_metrics_include_mount_point']
const filters = ['prefix_filter', 'filter_default']

/** `hostname`: of this machine. Throws `AgentConfigError`. */
export function telemetryOf(block: Block | null, hostname: string): TelemetryChoice {
  if (block === null) return { telemetry: { prefix: standardPrefix, prometheus: true, sending: nothingSent }, warnings: [] }
  const prefix = block.text('metrics_prefix', standardPrefix) || standardPrefix
  if (!/^[A-Za-z_][A-Za-z0-9_.-]*$/.test(prefix)) throw new AgentConfigError('telemetry.metrics_prefix: expected letters, digits, underscores, dots and hyphens')
  const prometheus = block.seconds('prometheus_retention_time', 1) > 0
  const sending = sendingOf({
    statsd: receiverAt(block, 'statsd_address'),
    statsite: receiverAt(block, 'statsite_address'),
    dogstatsd: receiverAt(block, 'dogstatsd_addr', dogReceiverShown),
    tags: block.texts('dogstatsd_tags'),
    disableHostname: block.flag('disable_hostname'),
    hostnameLabel: block.flag('enable_hostname_label'),
    prefix, prometheus, hostname,
  })
  block.ignore(...elsewhere)
  const warnings = [
    ...block.ignore(...others).map((key) => `telemetry.${key} has no effect: figures are sent to statsd, statsite and DogStatsD only`),
    ...block.ignore(...filters).map((key) => `telemetry.${key} has no effect: there are few figures`),
  ]
  block.finish()
  return { telemetry: { prefix, prometheus, sending }, warnings }
}

function receiverAt(block: Block, key: string, shown = receiverShown): Receiver | null {
  const written = block.text(key)
  const found = findReceiver(written)
  if (found === null && written !== '') throw new AgentConfigError(`telemetry.${key}: expected ${shown}`)
  return found
}
