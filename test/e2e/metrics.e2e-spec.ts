import { randomBytes } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { Readable, Writable } from 'node:stream';
import { afterAll, beforeAll, describe, expect, it, jest } from '@jest/globals';
import { Client } from 'basic-ftp';
import { eventually, removeDataDirs, startInstallation, type RunningInstallation } from './installation.js';

jest.setTimeout(120_000);

const DOCKER = join(import.meta.dirname, '../../docker');
const login = { user: 'numbat@wombat', password: 'correct-horse-battery' };
const BYTES = 50_000;

let server: RunningInstallation;

beforeAll(async () => {
  server = await startInstallation();
  await server.api.ok('POST', '/tenants', { slug: 'wombat', name: 'Wombat' });
  await server.api.ok('POST', '/tenants/wombat/accounts', { username: 'numbat', password: login.password });
});
afterAll(async () => {
  await server?.stop();
  removeDataDirs();
});

async function metrics(): Promise<string> {
  const response = await fetch(`${server.root}/metrics`);
  expect(response.status).toBe(200);
  return response.text();
}

/** Sum of a family's samples with these labels, over all processes. */
function sum(text: string, family: string, ...labels: string[]): number {
  let total = 0;
  for (const line of text.split('\n')) {
    if (!line.startsWith(`${family}{`) || !labels.every((label) => line.includes(label))) continue;
    total += Number(line.slice(line.lastIndexOf(' ') + 1));
  }
  return total;
}

/** One session that uploads and downloads a file. */
async function transfer(): Promise<void> {
  const client = new Client(10_000);
  try {
    await client.access({ host: '127.0.0.1', port: server.ports.ftp, ...login });
    await client.uploadFrom(Readable.from(randomBytes(BYTES)), 'measured.bin');
    await client.downloadTo(new Writable({ write: (_chunk, _encoding, done) => done() }), 'measured.bin');
  } finally {
    client.close();
  }
}

describe('the metrics of an installation', () => {
  it('show every process on one page: what was done, what waits, and how they are', async () => {
    await transfer();
    const wrong = new Client(10_000);
    await expect(
      wrong.access({ host: '127.0.0.1', port: server.ports.ftp, user: login.user, password: 'wrong' }),
    ).rejects.toThrow('530');
    wrong.close();
    const text = await metrics();
    expect(sum(text, 'quayside_ftp_sessions_total', 'protocol="ftp"')).toBeGreaterThanOrEqual(2);
    expect(sum(text, 'quayside_ftp_logins_total', 'result="ok"')).toBe(1);
    expect(sum(text, 'quayside_ftp_logins_total', 'result="bad_credential"')).toBe(1);
    for (const direction of ['upload', 'download']) {
      const label = `direction="${direction}"`;
      expect(sum(text, 'quayside_ftp_transfers_total', label, 'outcome="completed"')).toBe(1);
      expect(sum(text, 'quayside_ftp_transfer_bytes_total', label)).toBe(BYTES);
    }
    expect(sum(text, 'quayside_ftp_commands_total', 'reply="2xx"')).toBeGreaterThan(4);
    for (const worker of ['0', '1']) {
      const label = `worker="${worker}"`;
      expect(sum(text, 'quayside_ftp_accepting', label)).toBe(1);
      expect(sum(text, 'quayside_database_up', label)).toBe(1);
      expect(sum(text, 'quayside_spool_max_bytes', label)).toBe(268_435_456);
      expect(text).toMatch(new RegExp(`nodejs_eventloop_lag_p99_seconds\\{[^}]*${label}`));
    }
    for (const role of ['api', 'event-consumer', 'ftp-worker-1', 'ftp-worker-2']) {
      expect(sum(text, 'quayside_process_up', `process="${role}"`)).toBe(1);
    }
    await eventually(async () => {
      expect(sum(await metrics(), 'quayside_events_applied_total', 'type="transfer.completed"')).toBe(2);
    }, 20_000);
  });

  it('have every family that the dashboard and the alert rules ask for', async () => {
    const text = await metrics();
    const families = [...text.matchAll(/^# HELP (\S+)/gm)].map(([, name]) => name!);
    // One head each: a family that comes twice is refused by Prometheus.
    expect(new Set(families).size).toBe(families.length);
    const used = ['grafana/quayside.json', 'prometheus/alerts.yml'].flatMap(
      (file) => readFileSync(join(DOCKER, file), 'utf8').match(/\b(?:quayside|nodejs)_[a-z0-9_]+/g) ?? [],
    );
    const exported = new Set(families);
    const missing = used.filter(
      (name) => !exported.has(name) && !exported.has(name.replace(/_(?:bucket|count|sum)$/, '')),
    );
    expect(missing).toEqual([]);
  });

  it('never name a customer', async () => {
    expect(await metrics()).not.toMatch(/numbat|wombat|127\.0\.0\.1/);
  });

  it('show a worker that was killed as started again', async () => {
    await server.killChild('ftp-worker-1');
    await eventually(async () => {
      const text = await metrics();
      expect(sum(text, 'quayside_process_restarts_total', 'process="ftp-worker-1"')).toBe(1);
      expect(sum(text, 'quayside_process_up', 'process="ftp-worker-1"')).toBe(1);
    }, 20_000);
  });
});
