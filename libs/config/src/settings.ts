import { availableParallelism, hostname } from 'node:os';
import { optionalSetting, setting } from './setting.js';
import {
  address,
  addressRules,
  headers,
  integer,
  ipv4,
  label,
  networks,
  oneOf,
  onOff,
  path,
  portRange,
  ratio,
  seconds,
  secret,
  url,
} from './values.js';

/** What `NODE_NAME` is when nobody sets it: the host's name with anything unusual replaced. */
function ownName(): string {
  return (
    hostname()
      .replace(/[^A-Za-z0-9._-]/g, '-')
      .replace(/^[^A-Za-z0-9]+/, '')
      .slice(0, 63) || 'node'
  );
}

/**
 * THE table of settings. `.env.example` and the table in docs/operations.md are generated from it, and nothing else
 * in the program reads the environment.
 */
export const SETTINGS = {
  DATA_DIR: setting({
    group: 'Installation',
    comment: 'Folder of the embedded database, storage, spool, certificate, admin key and logs.',
    fallback: './data',
    value: path(),
  }),
  NODE_NAME: setting({
    group: 'Installation',
    comment: 'Name of this machine in sessions, events and the fleet list; unique per machine.',
    fallback: ownName(),
    fallbackNote: 'host name',
    value: label(),
  }),
  NODE_DEAD_AFTER: setting({
    group: 'Installation',
    comment:
      'Seconds without a sign of life after which a worker is dead: its sessions go, its leases after twice that. The same on all machines.',
    fallback: '60',
    value: seconds(10, 3600),
  }),
  BOOTSTRAP_ADMIN_KEY: optionalSetting({
    group: 'Installation',
    comment: 'First platform-admin API key, at least 24 characters.',
    fallbackNote: 'generated into DATA_DIR/admin-key (mode 600)',
    secret: true,
    value: secret(24),
  }),

  DATABASE_URL: optionalSetting({
    group: 'Database and queue',
    comment: 'PostgreSQL 14 or newer, as postgresql://user:password@host:5432/name.',
    fallbackNote: 'embedded PostgreSQL in DATA_DIR',
    secret: true,
    value: url('postgresql', 'postgres'),
  }),
  DATABASE_POOL_SIZE: setting({
    group: 'Database and queue',
    comment: 'Connections that each process keeps to PostgreSQL at most.',
    fallback: '10',
    value: integer(2, 100),
  }),
  QUEUE_URL: optionalSetting({
    group: 'Database and queue',
    comment: 'Redis for the event queue, as redis://host:6379 or rediss://…',
    fallbackNote: 'BullMQ on the same PostgreSQL',
    secret: true,
    value: url('redis', 'rediss'),
  }),

  EVENT_RETENTION_DAYS: setting({
    group: 'Database and queue',
    comment: 'Days for which the event log is kept, in whole months; 0 = for ever. Counting usage again needs 62.',
    fallback: '0',
    value: integer(0, 36_500),
  }),
  TRANSFER_RETENTION_DAYS: setting({
    group: 'Database and queue',
    comment: 'Days for which the transfer log is kept, in whole months; 0 = for ever. Monthly traffic limits need 31.',
    fallback: '0',
    value: integer(0, 36_500),
  }),

  API_HOST: setting({
    group: 'API',
    comment: 'Address on which the REST API listens; put a TLS proxy before it before you open it to a network.',
    fallback: '127.0.0.1',
    value: address(),
  }),
  API_PORT: setting({ group: 'API', comment: 'Port of the REST API.', fallback: '3000', value: integer(1, 65535) }),

  WEBHOOK_ALLOW_PRIVATE: setting({
    group: 'API',
    comment:
      'Whether webhooks may go to private, loopback and link-local addresses, and over http: on or off. Tenants choose the addresses.',
    fallback: 'off',
    value: onOff(),
  }),

  FTP_HOST: setting({
    group: 'FTP',
    comment: 'Address on which FTP and FTPS listen; :: takes IPv4 and IPv6.',
    fallback: '0.0.0.0',
    value: address(),
  }),
  FTP_PORT: setting({
    group: 'FTP',
    comment: 'Port of FTP with explicit TLS; 21 in production.',
    fallback: '2121',
    value: integer(1, 65535),
  }),
  FTPS_PORT: setting({
    group: 'FTP',
    comment: 'Port of FTPS (implicit TLS); 990 in production, 0 = off.',
    fallback: '9990',
    value: integer(0, 65535),
  }),
  FTP_PASSIVE_PORTS: setting({
    group: 'FTP',
    comment: 'Ports for passive data connections; open them in the firewall. The workers divide them among themselves.',
    fallback: '30000-30099',
    value: portRange(),
  }),
  FTP_PUBLIC_ADDRESS: optionalSetting({
    group: 'FTP',
    comment: 'IPv4 address announced to passive clients; set it behind NAT.',
    fallbackNote: 'the address the client connected to',
    value: ipv4(),
  }),
  FTP_PUBLIC_ADDRESS_RULES: setting({
    group: 'FTP',
    comment:
      'Public IPv4 address per client network, before FTP_PUBLIC_ADDRESS; the first that fits holds, e.g. 10.0.0.0/8=10.0.0.5.',
    fallback: '',
    fallbackNote: 'none',
    value: addressRules(),
  }),
  FTP_PROXY_TRUSTED: setting({
    group: 'FTP',
    comment:
      'Addresses and networks, separated by commas, whose connections must begin with a PROXY protocol header (v1 or v2).',
    fallback: '',
    fallbackNote: 'none',
    value: networks(),
  }),
  FTP_ACTIVE_MODE: setting({
    group: 'FTP',
    comment: 'Whether PORT and EPRT (the server dials the client) are offered: on or off.',
    fallback: 'on',
    value: onOff(),
  }),
  FTP_WORKERS: setting({
    group: 'FTP',
    comment: 'FTP worker processes on this machine.',
    fallback: String(Math.min(availableParallelism(), 64)),
    fallbackNote: 'number of cores',
    value: integer(1, 64),
  }),
  FTP_MAX_SESSIONS: setting({
    group: 'FTP',
    comment: 'Control connections that one worker process accepts; more are answered 421.',
    fallback: '5000',
    value: integer(1, 100_000),
  }),
  FTP_LOGIN_TIMEOUT: setting({
    group: 'FTP',
    comment: 'Seconds from connect to login.',
    fallback: '60',
    value: seconds(5, 600),
  }),
  FTP_LOGIN_ALLOW: setting({
    group: 'FTP',
    comment:
      'Addresses and networks, separated by commas, that are never banned for failed logins, e.g. 192.0.2.7,2001:db8::/32.',
    fallback: '',
    fallbackNote: 'none',
    value: networks(),
  }),
  FTP_IDLE_TIMEOUT: setting({
    group: 'FTP',
    comment: 'Seconds without a command before a session ends; running transfers do not count as idle.',
    fallback: '300',
    value: seconds(10, 86_400),
  }),
  FTP_DATA_TIMEOUT: setting({
    group: 'FTP',
    comment: 'Seconds to wait for a data connection.',
    fallback: '30',
    value: seconds(1, 300),
  }),
  FTP_STALL_TIMEOUT: setting({
    group: 'FTP',
    comment: 'Seconds without a byte before a transfer is given up.',
    fallback: '300',
    value: seconds(5, 86_400),
  }),
  FTP_DRAIN_TIMEOUT: setting({
    group: 'FTP',
    comment: 'Seconds that a stop waits for running transfers.',
    fallback: '30',
    value: seconds(0, 3600),
  }),
  FTP_NODE_DRAIN_TIMEOUT: setting({
    group: 'FTP',
    comment: 'Seconds after which a drain of the node over the API cuts off transfers that still run.',
    fallback: '3600',
    value: seconds(0, 604_800),
  }),
  FTP_WARM_UP: setting({
    group: 'FTP',
    comment:
      'Whether a new worker serves itself for a few seconds, so that its code is compiled before customers keep it busy: on or off.',
    fallback: 'on',
    value: onOff(),
  }),

  FTP_TLS_CERT: optionalSetting({
    group: 'TLS',
    comment: 'Certificate chain, PEM; read again when the file changes.',
    fallbackNote: 'self-signed pair made in DATA_DIR',
    value: path(),
  }),
  FTP_TLS_KEY: optionalSetting({
    group: 'TLS',
    comment: 'Private key of FTP_TLS_CERT, PEM without a passphrase.',
    fallbackNote: 'self-signed pair made in DATA_DIR',
    value: path(),
  }),
  FTP_TLS_CLIENT_CA: optionalSetting({
    group: 'TLS',
    comment:
      'PEM file of the authorities, and their revocation lists, whose client certificates name accounts; read again when it changes.',
    fallbackNote: 'clients are asked for no certificate',
    value: path(),
  }),
  FTP_TLS_CLIENT_LOGIN: setting({
    group: 'TLS',
    comment:
      'What a client certificate that names the account is worth: sufficient (no password), optional (the password as well) or required (both, for every login).',
    fallback: 'sufficient',
    value: oneOf(['sufficient', 'optional', 'required']),
  }),
  FTP_TLS_SESSION_REUSE: setting({
    group: 'TLS',
    comment:
      'Whether a data connection must resume the TLS session of its control connection: off, prefer (recorded) or require (refused otherwise).',
    fallback: 'prefer',
    value: oneOf(['off', 'prefer', 'require']),
  }),
  FTP_TLS_UPLOAD_END: setting({
    group: 'TLS',
    comment:
      'An upload over TLS whose data connection ends without close_notify: compat takes it as complete, strict as cut off (426). docs/ftp-clients.md lists who sends it.',
    fallback: 'compat',
    value: oneOf(['compat', 'strict']),
  }),

  STORAGE_ROOT: optionalSetting({
    group: 'Storage',
    comment: 'Folder in which local spaces live; shared by all machines of an installation.',
    fallbackNote: 'DATA_DIR/storage',
    value: path(),
  }),
  UPLOAD_FSYNC: setting({
    group: 'Storage',
    comment:
      'Whether an upload is on the disk (fdatasync) before its 226: on, or off to leave it to the operating system.',
    fallback: 'on',
    value: onOff(),
  }),
  UPLOAD_PARTIAL_TTL: setting({
    group: 'Storage',
    comment: 'Seconds for which an incomplete upload is kept to be resumed.',
    fallback: '86400',
    value: seconds(60, 31_536_000),
  }),
  SPOOL_DIR: optionalSetting({
    group: 'Storage',
    comment: 'Folder of the write-ahead spool of transfers and events; must be a local disk.',
    fallbackNote: 'DATA_DIR/spool',
    value: path(),
  }),
  SPOOL_MAX_BYTES: setting({
    group: 'Storage',
    comment: 'Size of the spool of one worker; a full spool refuses uploads with 451.',
    fallback: '268435456',
    value: integer(1_048_576, 1_099_511_627_776, 'bytes'),
  }),
  BCRYPT_COST: setting({
    group: 'Installation',
    comment: 'Cost of new password hashes: each step doubles the work.',
    fallback: '12',
    value: integer(4, 16),
  }),

  METRICS_HOST: setting({
    group: 'Logs',
    comment: 'Address on which processes other than the API serve /metrics and /health.',
    fallback: '127.0.0.1',
    value: address(),
  }),
  CONSUMER_METRICS_PORT: setting({
    group: 'Logs',
    comment: 'Port of the event consumer’s /metrics and /health; 0 = off.',
    fallback: '0',
    value: integer(0, 65535),
  }),
  WORKER_METRICS_PORT: setting({
    group: 'Logs',
    comment: 'Port of the /metrics and /health of all FTP workers of a machine that run without npm start; 0 = off.',
    fallback: '0',
    value: integer(0, 65535),
  }),
  LOG_LEVEL: setting({
    group: 'Logs',
    comment: 'Least level that is logged: trace, debug, info, warn, error, fatal.',
    fallback: 'info',
    value: oneOf(['trace', 'debug', 'info', 'warn', 'error', 'fatal']),
  }),
  LOG_FORMAT: optionalSetting({
    group: 'Logs',
    comment: 'Form of the log: pretty or json.',
    fallbackNote: 'pretty on a terminal, json otherwise',
    value: oneOf(['pretty', 'json']),
  }),
  OTEL_EXPORTER_OTLP_ENDPOINT: optionalSetting({
    group: 'Logs',
    comment: 'OpenTelemetry collector (OTLP over HTTP), e.g. http://127.0.0.1:4318; traces go to /v1/traces below it.',
    fallbackNote: 'no traces',
    secret: true,
    value: url('http', 'https'),
  }),
  OTEL_EXPORTER_OTLP_HEADERS: setting({
    group: 'Logs',
    comment: 'Headers for the collector, as name=value separated by commas, values percent-encoded.',
    fallback: '',
    fallbackNote: 'none',
    secret: true,
    value: headers(),
  }),
  OTEL_TRACES_SAMPLER_ARG: setting({
    group: 'Logs',
    comment: 'Part of the traces that is recorded, 0 to 1.',
    fallback: '1',
    value: ratio(),
  }),
} as const;

/** The name of a setting, as it stands in the environment. */
export type SettingName = keyof typeof SETTINGS;
