import { join } from 'node:path';
import type { SETTINGS, SettingName } from './settings.js';
import type { AddressRule, PortRange } from './values.js';

type ValueOf<N extends SettingName> =
  | ((typeof SETTINGS)[N]['value'] extends { readonly _output: infer T } ? T : never)
  | ((typeof SETTINGS)[N]['fallback'] extends null ? undefined : never);

/** Every setting by its name, parsed. */
export type SettingValues = { readonly [N in SettingName]: ValueOf<N> };

export type LogLevel = 'trace' | 'debug' | 'info' | 'warn' | 'error' | 'fatal';

/** The settings in the shape in which the apps use them. Times are in milliseconds, folders absolute. */
export interface Config {
  readonly dataDir: string;
  readonly nodeName: string;
  /** A worker that says nothing for this long is dead. */
  readonly deadAfterMs: number;
  readonly bootstrapAdminKey: string | undefined;
  readonly bcryptCost: number;
  /** `url` is undefined where the standalone installation is to run PostgreSQL itself. */
  readonly database: { readonly url: string | undefined; readonly poolSize: number };
  /** `url` is undefined for BullMQ on PostgreSQL. */
  readonly queue: { readonly url: string | undefined };
  readonly api: { readonly host: string; readonly port: number };
  readonly ftp: {
    readonly host: string;
    readonly port: number;
    /** Implicit TLS; 0 = off. */
    readonly implicitTlsPort: number;
    readonly passivePorts: PortRange;
    readonly publicAddress: string | undefined;
    readonly publicAddressRules: readonly AddressRule[];
    /** Networks of PROXY protocol senders. */
    readonly proxyTrusted: readonly string[];
    readonly activeMode: boolean;
    readonly workers: number;
    readonly maxSessions: number;
    /** Networks that are never banned for failed logins. */
    readonly loginAllow: readonly string[];
    readonly loginTimeoutMs: number;
    readonly idleTimeoutMs: number;
    readonly dataTimeoutMs: number;
    readonly stallTimeoutMs: number;
    readonly drainTimeoutMs: number;
    readonly nodeDrainTimeoutMs: number;
    /** A worker that has just started serves itself for a few seconds. */
    readonly warmUp: boolean;
  };
  readonly tls: {
    /** Both or neither. */
    readonly certFile: string | undefined;
    readonly keyFile: string | undefined;
    readonly clientCaFile: string | undefined;
    readonly clientLogin: 'sufficient' | 'optional' | 'required';
    readonly sessionReuse: 'off' | 'prefer' | 'require';
    readonly uploadEnd: 'compat' | 'strict';
  };
  readonly storage: { readonly root: string; readonly fsync: boolean; readonly partialTtlMs: number };
  readonly spool: { readonly dir: string; readonly maxBytes: number };
  /** Days; 0 = for ever. */
  readonly retention: { readonly eventDays: number; readonly transferDays: number };
  /** Port 0 = off. */
  readonly metrics: { readonly host: string; readonly consumerPort: number; readonly workerPort: number };
  /** Where traces go; null = off. */
  readonly traces: {
    readonly endpoint: string;
    readonly headers: Readonly<Record<string, string>>;
    readonly ratio: number;
  } | null;
  readonly webhooks: { readonly allowPrivate: boolean };
  readonly log: { readonly level: LogLevel; readonly format: 'pretty' | 'json' | undefined };
}

/** Groups the flat settings; the folders that follow from DATA_DIR are worked out here and nowhere else. */
export function toConfig(values: SettingValues): Config {
  const config: Config = {
    dataDir: values.DATA_DIR,
    nodeName: values.NODE_NAME,
    deadAfterMs: values.NODE_DEAD_AFTER,
    bootstrapAdminKey: values.BOOTSTRAP_ADMIN_KEY,
    bcryptCost: values.BCRYPT_COST,
    database: { url: values.DATABASE_URL, poolSize: values.DATABASE_POOL_SIZE },
    queue: { url: values.QUEUE_URL },
    api: { host: values.API_HOST, port: values.API_PORT },
    ftp: {
      host: values.FTP_HOST,
      port: values.FTP_PORT,
      implicitTlsPort: values.FTPS_PORT,
      passivePorts: values.FTP_PASSIVE_PORTS,
      publicAddress: values.FTP_PUBLIC_ADDRESS,
      publicAddressRules: values.FTP_PUBLIC_ADDRESS_RULES,
      proxyTrusted: values.FTP_PROXY_TRUSTED,
      activeMode: values.FTP_ACTIVE_MODE,
      workers: values.FTP_WORKERS,
      maxSessions: values.FTP_MAX_SESSIONS,
      loginAllow: values.FTP_LOGIN_ALLOW,
      loginTimeoutMs: values.FTP_LOGIN_TIMEOUT,
      idleTimeoutMs: values.FTP_IDLE_TIMEOUT,
      dataTimeoutMs: values.FTP_DATA_TIMEOUT,
      stallTimeoutMs: values.FTP_STALL_TIMEOUT,
      drainTimeoutMs: values.FTP_DRAIN_TIMEOUT,
      nodeDrainTimeoutMs: values.FTP_NODE_DRAIN_TIMEOUT,
      warmUp: values.FTP_WARM_UP,
    },
    tls: {
      certFile: values.FTP_TLS_CERT,
      keyFile: values.FTP_TLS_KEY,
      clientCaFile: values.FTP_TLS_CLIENT_CA,
      clientLogin: values.FTP_TLS_CLIENT_LOGIN,
      sessionReuse: values.FTP_TLS_SESSION_REUSE,
      uploadEnd: values.FTP_TLS_UPLOAD_END,
    },
    storage: {
      root: values.STORAGE_ROOT ?? join(values.DATA_DIR, 'storage'),
      fsync: values.UPLOAD_FSYNC,
      partialTtlMs: values.UPLOAD_PARTIAL_TTL,
    },
    spool: { dir: values.SPOOL_DIR ?? join(values.DATA_DIR, 'spool'), maxBytes: values.SPOOL_MAX_BYTES },
    retention: { eventDays: values.EVENT_RETENTION_DAYS, transferDays: values.TRANSFER_RETENTION_DAYS },
    metrics: {
      host: values.METRICS_HOST,
      consumerPort: values.CONSUMER_METRICS_PORT,
      workerPort: values.WORKER_METRICS_PORT,
    },
    traces:
      values.OTEL_EXPORTER_OTLP_ENDPOINT === undefined
        ? null
        : {
            endpoint: values.OTEL_EXPORTER_OTLP_ENDPOINT,
            headers: values.OTEL_EXPORTER_OTLP_HEADERS,
            ratio: values.OTEL_TRACES_SAMPLER_ARG,
          },
    webhooks: { allowPrivate: values.WEBHOOK_ALLOW_PRIVATE },
    log: { level: values.LOG_LEVEL, format: values.LOG_FORMAT },
  };
  for (const group of Object.values(config)) Object.freeze(group);
  Object.freeze(config.ftp.passivePorts);
  return Object.freeze(config);
}
