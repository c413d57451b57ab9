import type { NestExpressApplication } from '@nestjs/platform-express';
import { type Database } from '@quayside/database';
import { startTestDatabase, type TestDatabase } from '@quayside/testing';
import type { AddressInfo } from 'node:net';
import { createApp } from '../create-app.js';

export interface ApiAnswer {
  readonly status: number;
  readonly headers: Headers;
  // oxlint-disable-next-line typescript/no-explicit-any -- specs look into bodies of every shape
  readonly body: any;
}

export interface ApiCall {
  readonly key?: string | null;
  readonly body?: unknown;
  /** Sent as it is, instead of `body`. */
  readonly raw?: string;
  readonly headers?: Readonly<Record<string, string>>;
}

/** The real API on a real port over a fresh database. */
export interface ApiFixture {
  readonly url: string;
  readonly adminKey: string;
  /** With all rights, to look behind the API. */
  readonly database: Database;
  readonly testDatabase: TestDatabase;
  call(method: string, path: string, options?: ApiCall): Promise<ApiAnswer>;
  stop(): Promise<void>;
}

/** The first spec file of a run migrates the template database, on a machine that may be busy. */
export const START_TIMEOUT_MS = 60_000;

/** @param through an address of the database other than its own, for example a proxy's */
export async function startApi(
  through: (url: string) => Promise<string> = (url) => Promise.resolve(url),
): Promise<ApiFixture> {
  const testDatabase = await startTestDatabase();
  const adminKey = 'test-bootstrap-key-of-good-length';
  const app = await createApp(
    { databaseUrl: await through(testDatabase.url), databasePoolSize: 10, bootstrapAdminKey: adminKey, bcryptCost: 4 },
    false,
  );
  await app.listen(0, '127.0.0.1');
  const url = urlOf(app);
  return {
    url,
    adminKey,
    database: testDatabase.database,
    testDatabase,
    call: (method, path, options = {}) => call(url, method, path, { key: adminKey, ...options }),
    async stop() {
      app.getHttpServer().closeAllConnections();
      await app.close();
      await testDatabase.stop();
    },
  };
}

function urlOf(app: NestExpressApplication): string {
  return `http://127.0.0.1:${(app.getHttpServer().address() as AddressInfo).port}`;
}

async function call(url: string, method: string, path: string, options: ApiCall): Promise<ApiAnswer> {
  const body = options.raw ?? (options.body === undefined ? undefined : JSON.stringify(options.body));
  const response = await fetch(`${url}${path}`, {
    method,
    headers: {
      ...(options.key === null ? {} : { authorization: `Bearer ${options.key}` }),
      ...(body === undefined ? {} : { 'content-type': 'application/json' }),
      ...options.headers,
    },
    ...(body === undefined ? {} : { body }),
  });
  const text = await response.text();
  const isJson = /[/+]json\b/.test(response.headers.get('content-type') ?? '');
  return { status: response.status, headers: response.headers, body: isJson ? JSON.parse(text) : text };
}

/** A tenant with an admin's and a viewer's key. */
export interface TenantFixture {
  readonly id: string;
  readonly slug: string;
  readonly admin: string;
  readonly viewer: string;
}

export async function aTenant(api: ApiFixture, slug: string): Promise<TenantFixture> {
  const { body: tenant } = await api.call('POST', '/v1/tenants', { body: { slug, name: slug.toUpperCase() } });
  const keyFor = async (role: string): Promise<string> => {
    const { body } = await api.call('POST', `/v1/tenants/${slug}/api-keys`, { body: { name: role, role } });
    return body.key;
  };
  return { id: tenant.id, slug, admin: await keyFor('tenant-admin'), viewer: await keyFor('tenant-viewer') };
}
