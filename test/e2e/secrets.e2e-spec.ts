import { randomBytes } from 'node:crypto';
import { once } from 'node:events';
import { readFileSync, readdirSync } from 'node:fs';
import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { join } from 'node:path';
import { text } from 'node:stream/consumers';
import { afterAll, beforeAll, describe, expect, it, jest } from '@jest/globals';
import { Client } from 'pg';
import { ApiClient } from './api-client.js';
import { eventually, removeDataDirs, startInstallation, type RunningInstallation } from './installation.js';
import { PostgresServer } from './postgres-server.js';
import { RawControl } from './raw-control.js';

jest.setTimeout(180_000);

const WITHIN_MS = 30_000;
/** What must be found nowhere, by what it is. */
const secrets = new Map<string, string>();

/** A word that occurs nowhere else. */
function aSecret(what: string): string {
  const word = `sek${randomBytes(12).toString('hex')}`;
  secrets.set(what, word);
  return word;
}

let postgres: PostgresServer;
let server: RunningInstallation;
let receiver: Server;
/** What came to the webhook receiver and to the collector of traces, and every refusal of the API. */
let received = '';
const answers: string[] = [];

beforeAll(async () => {
  receiver = createServer((request, response) => {
    const told = JSON.stringify({ ...request.headers, authorization: undefined });
    void (async () => {
      const body = await text(request);
      received += `${request.url} ${told} ${body}\n`;
      response.writeHead(request.url === '/failing' ? 500 : 200).end('{}');
    })();
  }).listen(0, '127.0.0.1');
  await once(receiver, 'listening');
  postgres = await PostgresServer.start();
  secrets.set('password of the database', new URL(postgres.url).password);
  server = await startInstallation({
    env: {
      DATABASE_URL: postgres.url,
      LOG_LEVEL: 'trace',
      WEBHOOK_ALLOW_PRIVATE: 'on',
      OTEL_EXPORTER_OTLP_ENDPOINT: address(''),
      OTEL_EXPORTER_OTLP_HEADERS: `authorization=${aSecret('header for the collector')}`,
    },
  });
  secrets.set('admin key', readFileSync(join(server.dataDir, 'admin-key'), 'utf8').trim());
});
afterAll(async () => {
  await server?.stop();
  await postgres?.end();
  receiver?.closeAllConnections();
  receiver?.close();
  removeDataDirs();
});

function address(path: string): string {
  return `http://127.0.0.1:${(receiver.address() as AddressInfo).port}${path}`;
}

/** A request that is to be refused: what is said about it must not repeat it. */
async function refused(method: string, path: string, body?: unknown, headers?: Record<string, string>): Promise<void> {
  const key = secrets.get('admin key')!;
  const response = await fetch(`${server.root}/v1${path}`, {
    method,
    headers: { authorization: `Bearer ${key}`, 'content-type': 'application/json', ...headers },
    ...(body === undefined ? {} : { body: typeof body === 'string' ? body : JSON.stringify(body) }),
  });
  expect(response.status).toBeGreaterThanOrEqual(400);
  answers.push(await response.text());
}

async function changeThroughTheApi(): Promise<void> {
  const { api } = server;
  await api.ok('POST', '/tenants', { slug: 'acme', name: 'Acme' });
  const password = aSecret('password');
  await api.ok('POST', '/tenants/acme/accounts', { username: 'bob', password });
  const made = await api.ok<{ password: string }>('POST', '/tenants/acme/accounts', { username: 'eve' });
  secrets.set('generated password', made.password);
  await api.ok('PATCH', '/tenants/acme/accounts/eve', { password: aSecret('changed password') });
  const label = { label: 'script', password: aSecret('extra password') };
  await api.ok('POST', '/tenants/acme/accounts/bob/credentials', label);
  const body = { name: 'ci', role: 'tenant-admin' };
  const { key } = await api.ok<{ key: string }>('POST', '/tenants/acme/api-keys', body);
  secrets.set('API key', key);
  await new ApiClient(`${server.root}/v1`, key).ok('GET', '/tenants/acme');
  for (const path of ['/taking', '/failing']) {
    const hook = await api.ok<{ id: string; secret: string }>('POST', '/tenants/acme/webhooks', { url: address(path) });
    const rotated = await api.ok<{ secret: string }>('POST', `/tenants/acme/webhooks/${hook.id}/rotate-secret`, {});
    secrets.set(`signing secret ${path}`, hook.secret).set(`rotated secret ${path}`, rotated.secret);
    await api.ok('POST', `/tenants/acme/webhooks/${hook.id}/test`, {});
  }
  const privateKey = `-----BEGIN PRIVATE KEY-----\n${aSecret('private key')}\n-----END PRIVATE KEY-----`;
  await refused('POST', '/tenants/acme/domains', { domain: 'ftp.acme.example', certificate: privateKey, privateKey });
}

async function askWrongly(): Promise<void> {
  await refused('POST', '/tenants/acme/accounts', { username: 'x', passwort: aSecret('unknown field') });
  await refused('POST', '/tenants/acme/accounts', {
    username: '!',
    password: aSecret('password of an invalid request'),
  });
  await refused('POST', '/tenants/acme/accounts', `{"username":"y","password":"${aSecret('malformed body')}",`);
  await refused('PATCH', '/tenants/acme/accounts/bob', { password: { value: aSecret('password of a wrong type') } });
  await refused('GET', '/tenants', undefined, { authorization: `Bearer ${aSecret('unknown key')}` });
  await refused('GET', '/tenants', undefined, { authorization: `Basic ${aSecret('other scheme')}` });
}

async function logIn(): Promise<void> {
  const { ftp } = server.ports;
  const good = await RawControl.open(ftp);
  expect(await good.login('bob@acme', secrets.get('password')!)).toMatch(/^230/);
  const data = await good.passive();
  expect(await good.send('STOR /a.txt')).toMatch(/^150/);
  data.end('a');
  expect(await good.reply()).toMatch(/^226/);
  await good.send(`PASS ${aSecret('password of a session that is in')}`);
  const wrong = await RawControl.open(ftp);
  await wrong.send(`PASS ${aSecret('password without a name')}`);
  await wrong.login('bob@acme', aSecret('wrong password'));
  await wrong.login('nobody@nowhere', aSecret('password of nobody'));
  await wrong.send('USER bob@acme');
  await wrong.send(`pass ${aSecret('small letters')}`);
  good.destroy();
  wrong.destroy();
}

async function loseTheDatabase(): Promise<void> {
  await postgres.order('stop');
  const password = secrets.get('wrong password')!;
  await eventually(async () => {
    expect((await fetch(`${server.root}/health/ready`)).status).toBe(503);
  }, WITHIN_MS);
  await refused('POST', '/tenants/acme/accounts', { username: 'late', password: aSecret('password while it is away') });
  const control = await RawControl.open(server.ports.ftp);
  await control.login('bob@acme', password);
  control.destroy();
  await postgres.order('start');
  await eventually(async () => {
    expect((await fetch(`${server.root}/health/ready`)).status).toBe(200);
  }, WITHIN_MS);
}

/** The rows of all tables but those whose purpose is to keep what signs and serves. */
async function databaseText(): Promise<string> {
  const client = new Client({ connectionString: postgres.url });
  await client.connect();
  try {
    const { rows: tables } = await client.query<{ name: string }>(
      `SELECT format('%I.%I', table_schema, table_name) AS name FROM information_schema.tables
       WHERE table_schema IN ('public', 'partitions', 'bullmq') AND table_type = 'BASE TABLE'
         AND table_name NOT IN ('webhook_endpoint', 'tenant_domain')`,
    );
    expect(tables.length).toBeGreaterThan(20);
    let all = '';
    for (const { name } of tables) {
      const { rows } = await client.query<{ row: string }>(`SELECT t::text AS row FROM ${name} t`);
      all += `${name}\n${rows.map(({ row }) => row).join('\n')}\n`;
    }
    return all;
  } finally {
    await client.end();
  }
}

describe('secrets', () => {
  it('are in no log, event, error, audit entry, metric, trace or delivery, and in clear in no table', async () => {
    await changeThroughTheApi();
    await askWrongly();
    await logIn();
    await loseTheDatabase();
    const { api } = server;
    const events = async (): Promise<string> => JSON.stringify(await api.ok('GET', '/tenants/acme/events?limit=200'));
    await eventually(async () => {
      for (const type of ['login.failed', 'transfer.completed', 'admin.changed'])
        expect(await events()).toContain(type);
      for (const sent of ['/taking', '/failing', '/v1/traces']) expect(received).toContain(sent);
    }, WITHIN_MS);
    const audit = JSON.stringify(await api.ok('GET', '/audit?limit=200'));
    expect(audit).toContain('webhook.rotate-secret');
    const logs = join(server.dataDir, 'logs');
    const places = {
      log: readdirSync(logs)
        .map((file) => readFileSync(join(logs, file), 'utf8'))
        .join(''),
      terminal: server.output,
      events: await events(),
      audit,
      answers: answers.join('\n'),
      metrics: await (await fetch(`${server.root}/metrics`)).text(),
      'webhooks and traces': received,
      database: await databaseText(),
    };
    expect(places.log.length).toBeGreaterThan(10_000);
    const leaks = Object.entries(places).flatMap(([place, content]) =>
      [...secrets].filter(([, secret]) => content.includes(secret)).map(([what]) => `${what} in ${place}`),
    );
    expect(leaks).toEqual([]);
  });
});
