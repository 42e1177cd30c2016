/** The keys of a configuration: the one place where they are declared. */
import { systemLeaseSeconds } from '../../core/settings.ts'
import { dogReceiverShown, receiverShown, standardPrefix } from '../../statsd/settings.ts'
import { logFormats, logLevels } from '../log.ts'
import { listenerLabels } from './listener-keys.ts'
import { sealLabels } from './seal-keys.ts'
import { because, blocks, defaulted, labelled, optional, section, table } from './tables.ts'
import { choice, duration, flag, receiver, text, texts, workerCount } from './values.ts'

const ignoredOfStorage = because('there is one node, and no raft', 'node_id', 'performance_multiplier', 'max_entry_size', 'max_mount_and_namespace_table_entry_size', 'retry_join', 'retry_join_as_non_voter', 'autopilot_reconcile_interval', 'autopilot_update_interval', 'autopilot_upgrade_version', 'autopilot_redundancy_zone', 'trailing_logs', 'snapshot_threshold', 'snapshot_interval', 'raft_wal', 'raft_log_verifier_enabled', 'max_trailing_logs', 'ha_enabled')
const folder = table({ path: optional(text, 'Folder of the data, made with mode 0700; relative to where the server is started.', { shown: 'required' }) }, { ignored: ignoredOfStorage })

const telemetryKeys = ['usage_gauge_period', 'maximum_gauge_cardinality', 'lease_metrics_epsilon', 'num_lease_metrics_buckets', 'add_lease_metrics_namespace_labels', 'add_mount_point_rollback_metrics', 'filter_default', 'prefix_filter']
const stackdriverKeys = ['stackdriver_project_id', 'stackdriver_location', 'stackdriver_namespace', 'stackdriver_debug_logs']
const circonusKeys = ['api_token', 'api_app', 'api_url', 'submission_interval', 'submission_url', 'check_id', 'check_force_metric_activation', 'check_instance_id', 'check_search_tag', 'check_display_name', 'check_tags', 'broker_id', 'broker_select_tag']
const telemetry = table({
  statsd_address: optional(receiver(receiverShown), 'Where figures are sent every ten seconds, as lines of statsd over UDP. All keys of `telemetry` are read again on SIGHUP.'),
  statsite_address: optional(receiver(receiverShown), 'The same over TCP.'),
  dogstatsd_addr: optional(receiver(dogReceiverShown), 'The same over UDP, with labels as tags of DogStatsD.'),
  dogstatsd_tags: optional(texts, 'Tags such as `"env:prod"`, which each line for `dogstatsd_addr` has.'),
  metrics_prefix: defaulted(text, standardPrefix, 'Before the names of figures that are sent.'),
  disable_hostname: defaulted(flag, false, '`true`: the name of the machine is not before the names of gauges that are sent.'),
  enable_hostname_label: defaulted(flag, false, '`true`: it is a label of everything that is sent, in place of that.'),
  prometheus_retention_time: defaulted(duration, 86_400, 'Nothing is forgotten at `sys/metrics`. `0`, and one address alone: the name of the machine is left out, as Vault does it.', { shown: '`24h`' }),
}, {
  ignored: {
    ...because('figures are counted from the start of the server on, and none is left out', ...telemetryKeys),
    ...because('figures are sent to statsd, statsite and DogStatsD only', ...stackdriverKeys, ...circonusKeys.map((key) => `circonus_${key}`)),
  },
})

/** Accepted because configurations have them. */
const ignored = {
  ...because('memory is not locked; keep swap off or encrypted', 'disable_mlock'),
  ...because('caches validate themselves against the store', 'disable_cache', 'cache_size'),
  ...because('nodes do not talk to each other', 'cluster_addr', 'disable_clustering', 'cluster_cipher_suites', 'disable_standby_reads', 'enable_response_header_raft_node_id', 'disable_performance_standby'),
  ...because('the store serves every node', 'ha_storage', 'ha_backend'),
  ...because('everything is sealed the same way', 'disable_sealwrap'),
  ...because('paths are always checked', 'disable_printable_check'),
  ...because('engines are built in', 'plugin_directory', 'plugin_tmpdir', 'plugin_file_uid', 'plugin_file_permissions', 'plugin', 'plugin_download_behavior', 'plugin_auto_download', 'plugin_auto_register', 'plugin_download_max_size'),
  ...because('the audit log has every request', 'log_requests_level'),
  ...because('the log goes to the standard output: redirect that', 'log_file', 'log_rotate_duration', 'log_rotate_bytes', 'log_rotate_max_files'),
  ...because('there is nothing to license', 'license_path', 'reporting'),
  ...because('leases are counted by their folders', 'imprecise_lease_role_tracking'),
  ...because('there are none', 'experiments'),
  ...because('the address of the server does not change', 'service_registration'),
  ...because('there is no Sentinel', 'sentinel', 'disable_sentinel_trace'),
  ...because('randomness comes from the system', 'entropy'),
  ...because('there are no namespaces yet', 'administrative_namespace_path', 'unsafe_cross_namespace_identity'),
  ...because('there are none to detect', 'detect_deadlocks'),
  ...because('several seals need no permission', 'enable_multiseal'),
  ...because('there are no traces', 'enable_post_unseal_trace', 'post_unseal_trace_directory'),
  ...because('tune the auth method: coffer auth tune -user-lockout-threshold=… PATH', 'user_lockout'),
  ...because('initialise with: coffer operator init', 'initialize'),
  ...because('paths of requests are always in their canonical form', 'unsafe_relative_paths'),
  ...because('indexes are part of the store', 'disable_indexing'),
}

export const serverKeys = table({
  storage: blocks('Where the data are. In several files the last one counts.', {
    lmdb: labelled('A folder, with every acknowledged write on disk.', folder),
    file: labelled('The same as `lmdb`, for old configurations.', folder),
    raft: labelled('The same as `lmdb`, for old configurations. There is no raft.', folder),
    inmem: labelled('In memory; all is gone when the server stops.', table({}, { ignored: because('data in memory have no folder', 'path') })),
  }, { alias: 'backend' }),
  listener: blocks('Where the server listens; as many as you like. At least one is required.', listenerLabels),
  seal: blocks('What unseals the server. Several automatic seals can stand together: any of them will do. In several files the last one counts. None: `shamir`.', sealLabels),
  kms_library: blocks('Libraries of tokens in which managed keys may be: see `sys/managed-keys`.', {
    pkcs11: labelled('A library of PKCS #11. Takes the package `koffi`.', table({
      name: optional(text, 'How managed keys call it.', { shown: 'required' }),
      library: optional(text, 'Its file.', { shown: 'required' }),
    })),
  }),
  api_addr: defaulted(text, '', 'Where clients reach this server. `COFFER_API_ADDR` wins.', { shown: 'the first listener' }),
  cluster_name: defaulted(text, '', 'Shown by `status`.', { shown: 'made from the folder' }),
  default_lease_ttl: optional(duration, 'How long tokens and leases live unless something else is said.', { shown: `\`${systemLeaseSeconds / 3600}h\`` }),
  max_lease_ttl: optional(duration, 'How long they can live at most.', { shown: `\`${systemLeaseSeconds / 3600}h\`` }),
  default_max_request_duration: optional(duration, 'For a whole request, on listeners that say nothing else.', { shown: '`90s`' }),
  log_level: defaulted(choice(logLevels), 'info', '`trace`, `debug`, `info`, `warn`, `error` or `off`. `-log-level` and `COFFER_LOG_LEVEL` win. Read again on SIGHUP.'),
  log_format: defaulted(choice(logFormats), 'standard', 'Or `json`, one object a line. `-log-format` and `COFFER_LOG_FORMAT` win.'),
  workers: defaulted(workerCount, 'auto', 'Processes that serve requests, all of them from one store. `auto`: one for each core, at most 8. `1`: everything in one process, as with `inmem`. `-workers` and `COFFER_WORKERS` win.'),
  pid_file: defaulted(text, '', 'Holds the number of the process while it runs.', { shown: 'none' }),
  ui: defaulted(flag, false, 'Accepted; there is no web console yet.'),
  enable_response_header_hostname: defaulted(flag, false, 'Name the machine in every answer, as `X-Vault-Hostname`.'),
  raw_storage_endpoint: defaulted(flag, false, 'Opens `sys/raw`, which reads and writes records behind the back of everything. For repairs only.'),
  introspection_endpoint: defaulted(flag, false, 'Opens `sys/internal/inspect`.'),
  disable_api_audit_creation: defaulted(flag, false, '`true`: nobody can enable audit devices over the API.'),
  unsafe_allow_api_audit_creation: defaulted(flag, true, '`false` means the same.'),
  allow_audit_log_prefixing: defaulted(flag, false, 'Audit files may begin their lines with a prefix.'),
  audit_folders: optional(texts, 'Folders below which audit files must lie.', { shown: 'anywhere but the data folder' }),
  telemetry: section('', telemetry),
}, { ignored, refused: because('audit devices are not configured here; enable them with: coffer audit enable', 'audit') })
