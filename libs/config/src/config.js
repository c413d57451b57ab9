import { join } from 'node:path';
/** Groups the flat settings; the folders that follow from DATA_DIR are worked out here and nowhere else. */
export function toConfig(values) {
  const config = {
    dataDir: values.DATA_DIR,
    nodeName: values.NODE_NAME,
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
      activeMode: values.FTP_ACTIVE_MODE,
      workers: values.FTP_WORKERS,
      maxSessions: values.FTP_MAX_SESSIONS,
      loginTimeoutMs: values.FTP_LOGIN_TIMEOUT,
      idleTimeoutMs: values.FTP_IDLE_TIMEOUT,
      dataTimeoutMs: values.FTP_DATA_TIMEOUT,
      stallTimeoutMs: values.FTP_STALL_TIMEOUT,
      drainTimeoutMs: values.FTP_DRAIN_TIMEOUT,
    },
    tls: {
      certFile: values.FTP_TLS_CERT,
      keyFile: values.FTP_TLS_KEY,
      sessionReuse: values.FTP_TLS_SESSION_REUSE,
    },
    storage: {
      root: values.STORAGE_ROOT ?? join(values.DATA_DIR, 'storage'),
      fsync: values.UPLOAD_FSYNC,
      partialTtlMs: values.UPLOAD_PARTIAL_TTL,
    },
    spool: { dir: values.SPOOL_DIR ?? join(values.DATA_DIR, 'spool'), maxBytes: values.SPOOL_MAX_BYTES },
    log: { level: values.LOG_LEVEL, format: values.LOG_FORMAT },
  };
  for (const group of Object.values(config)) Object.freeze(group);
  Object.freeze(config.ftp.passivePorts);
  return Object.freeze(config);
}
//# sourceMappingURL=config.js.map
