import { relative } from 'node:path';
import type { Config } from '@quayside/config';
import type { AdminKey } from '../admin-key.js';
import type { CertificateFiles } from '../certificate.js';

const EXAMPLE = { tenant: 'acme', user: 'alice', password: 'correct-horse-battery' } as const;

export interface ReadyScreen {
  readonly config: Config;
  readonly admin: AdminKey;
  readonly certificate: CertificateFiles;
  readonly logFile: string;
  readonly startedInMs: number;
}

/** What a person sees when everything runs: addresses, where the key is, and three commands that work as they stand. */
export function readyScreen({ config, admin, certificate, logFile, startedInMs }: ReadyScreen): string {
  const api = `http://${urlHost(config.api.host)}:${config.api.port}`;
  const ftpHost = urlHost(config.ftp.host);
  const ftps = config.ftp.implicitTlsPort === 0 ? 'off' : `ftps://${ftpHost}:${config.ftp.implicitTlsPort}`;
  const key = admin.file === null ? '$BOOTSTRAP_ADMIN_KEY' : `$(cat ${shellWord(shown(admin.file))})`;
  const post = `curl -sS -H "Authorization: Bearer ${key}" -H 'Content-Type: application/json' -d`;
  const trust = certificate.selfSigned ? ` --cacert ${shellWord(shown(certificate.certFile))}` : '';
  const rows: [string, string][] = [
    ['REST API', `${api}/v1`],
    ['API documentation', `${api}/docs`],
    ['FTP, explicit TLS', `ftp://${ftpHost}:${config.ftp.port}`],
    ['FTPS, implicit TLS', ftps],
    ['Passive ports', `${config.ftp.passivePorts.first}-${config.ftp.passivePorts.last}`],
    ['Admin key', admin.file === null ? 'BOOTSTRAP_ADMIN_KEY' : shown(admin.file)],
    ['Data', shown(config.dataDir)],
    ['Log', shown(logFile)],
  ];
  return `
Quayside is ready (${(startedInMs / 1000).toFixed(1)} s)

${rows.map(([name, value]) => `  ${name.padEnd(19)} ${value}`).join('\n')}

Make a tenant, make an account, upload a file to it:

${post} '${JSON.stringify({ slug: EXAMPLE.tenant, name: 'Acme' })}' ${api}/v1/tenants
${post} '${JSON.stringify({ username: EXAMPLE.user, password: EXAMPLE.password })}' ${api}/v1/tenants/${EXAMPLE.tenant}/accounts
curl -sS --ssl-reqd${trust} --user ${EXAMPLE.user}@${EXAMPLE.tenant}:${EXAMPLE.password} -T README.md ftp://${ftpHost}:${config.ftp.port}/

Ctrl-C stops everything.
`;
}

/** The address that a client on this machine uses for a listener. */
function urlHost(host: string): string {
  if (host === '0.0.0.0' || host === '::') return '127.0.0.1';
  return host.includes(':') ? `[${host}]` : host;
}

/** Relative to the working directory where that is shorter. */
function shown(path: string): string {
  const near = relative(process.cwd(), path);
  return near !== '' && near.length < path.length ? near : path;
}

function shellWord(text: string): string {
  return /^[\w./-]+$/.test(text) ? text : `'${text.replaceAll("'", String.raw`'\''`)}'`;
}
