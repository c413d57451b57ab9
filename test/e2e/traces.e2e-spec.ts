import { execFileSync } from 'node:child_process';
import { once } from 'node:events';
import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { join } from 'node:path';
import { Readable } from 'node:stream';
import { pathToFileURL } from 'node:url';
import { afterAll, afterEach, beforeEach, describe, expect, it, jest } from '@jest/globals';
import { Client } from 'basic-ftp';
import { eventually, removeDataDirs, startInstallation, type RunningInstallation } from './installation.js';

jest.setTimeout(180_000);

const login = { user: 'numbat@wombat', password: 'correct-horse-battery' };
const HEADERS = { authorization: 'Bearer collector-token' };
/** What no span may have in it: passwords, keys, tokens, paths and what stands in a query. */
const SECRETS = [login.password, 'mistyped-password', 'traced.bin', 'numbat', 'query-secret', 'hook-token'];

interface Span {
  readonly service: string;
  readonly name: string;
  readonly traceId: string;
  readonly spanId: string;
  readonly parentSpanId: string | undefined;
  readonly attributes: Readonly<Record<string, string | number | boolean>>;
}

interface OtlpAttribute {
  readonly key: string;
  readonly value: Readonly<Record<string, string | number | boolean>>;
}

interface OtlpRequest {
  readonly resourceSpans: readonly {
    readonly resource: { readonly attributes: readonly OtlpAttribute[] };
    readonly scopeSpans: readonly {
      readonly spans: readonly (Omit<Span, 'service' | 'attributes'> & {
        readonly attributes: readonly OtlpAttribute[];
      })[];
    }[];
  }[];
}

/** Takes OTLP over HTTP with JSON on a port of its own, and webhooks beside it. */
class Collector {
  readonly spans: Span[] = [];
  readonly faults: string[] = [];
  private text = '';
  private readonly server: Server;

  constructor() {
    this.server = createServer((request, response) => {
      const chunks: Buffer[] = [];
      request.on('data', (chunk: Buffer) => chunks.push(chunk));
      request.on('end', () => {
        const body = Buffer.concat(chunks).toString();
        if (request.url?.startsWith('/hook') !== true) this.take(request.url, request.headers.authorization, body);
        response.writeHead(200, { 'content-type': 'application/json' }).end('{}');
      });
    });
  }

  async start(): Promise<string> {
    this.server.listen(0, '127.0.0.1');
    await once(this.server, 'listening');
    return `http://127.0.0.1:${(this.server.address() as AddressInfo).port}`;
  }

  async stop(): Promise<void> {
    this.server.closeAllConnections();
    this.server.close();
    await once(this.server, 'close');
  }

  /** All that came, as text. */
  get received(): string {
    return this.text;
  }

  /** The first span of the service whose name and attributes fit. */
  find(service: string, name: string, attributes: Span['attributes'] = {}): Span {
    const span = this.spans.find(
      (one) =>
        one.service === `quayside-${service}` &&
        one.name === name &&
        Object.entries(attributes).every(([key, value]) => one.attributes[key] === value),
    );
    if (span === undefined) {
      throw new Error(`no ${name} of ${service}; there are ${this.spans.map((one) => one.name).join(', ')}`);
    }
    return span;
  }

  private take(url: string | undefined, authorization: string | undefined, body: string): void {
    this.text += body;
    if (url !== '/v1/traces' || authorization !== HEADERS.authorization) this.faults.push(`${url} ${authorization}`);
    for (const { resource, scopeSpans } of (JSON.parse(body) as OtlpRequest).resourceSpans) {
      const service = String(attributesOf(resource.attributes)['service.name']);
      for (const span of scopeSpans.flatMap((scope) => scope.spans)) {
        this.spans.push({ ...span, service, attributes: attributesOf(span.attributes) });
      }
    }
  }
}

function attributesOf(pairs: readonly OtlpAttribute[]): Span['attributes'] {
  return Object.fromEntries(pairs.map(({ key, value }) => [key, Object.values(value)[0]!]));
}

let collector: Collector;
let server: RunningInstallation | undefined;

beforeEach(() => {
  collector = new Collector();
});
afterEach(async () => {
  await server?.stop();
  server = undefined;
  await collector.stop().catch(() => undefined);
});
afterAll(() => removeDataDirs());

async function upload(password = login.password): Promise<void> {
  const client = new Client(10_000);
  try {
    await client.access({ host: '127.0.0.1', port: server!.ports.ftp, user: login.user, password });
    await client.uploadFrom(Readable.from(Buffer.alloc(12_345)), 'traced.bin');
  } finally {
    client.close();
  }
}

async function anAccount(): Promise<void> {
  await server!.api.ok('POST', '/tenants', { slug: 'wombat', name: 'Wombat' });
  await server!.api.ok('POST', '/tenants/wombat/accounts', { username: 'numbat', password: login.password });
}

describe('the traces of an installation', () => {
  it('tell requests, logins and transfers, and follow an upload to the log and the webhook', async () => {
    const endpoint = await collector.start();
    server = await startInstallation({
      env: {
        OTEL_EXPORTER_OTLP_ENDPOINT: `${endpoint}/`,
        OTEL_EXPORTER_OTLP_HEADERS: 'authorization=Bearer%20collector-token',
        WEBHOOK_ALLOW_PRIVATE: 'on',
      },
    });
    await anAccount();
    await server.api.ok('POST', '/tenants/wombat/webhooks', { url: `${endpoint}/hook?hook-token` });
    const caller = { trace: '4bf92f3577b34da6a3ce929d0e0e4736', span: '00f067aa0ba902b7' };
    await fetch(`${server.root}/v1/tenants/wombat?x=query-secret`, {
      headers: { traceparent: `00-${caller.trace}-${caller.span}-01` },
    });
    await upload();
    await expect(upload('mistyped-password')).rejects.toThrow('530');

    const request = await eventually(() => collector.find('api', 'POST /v1/tenants'), 20_000);
    expect(request.attributes).toMatchObject({ 'http.route': '/v1/tenants', 'http.response.status_code': 201 });
    const called = await eventually(() => collector.find('api', 'GET /v1/tenants/:tenant'), 20_000);
    expect(called).toMatchObject({ traceId: caller.trace, parentSpanId: caller.span });
    expect(called.attributes).toMatchObject({ 'http.response.status_code': 401 });

    const accepted = await eventually(
      () => collector.find('ftp-worker', 'ftp login', { 'login.outcome': 'accepted' }),
      15_000,
    );
    await eventually(() => collector.find('ftp-worker', 'ftp login', { 'login.reason': 'auth.failed' }), 20_000);
    const transfer = await eventually(() => collector.find('ftp-worker', 'ftp upload'), 20_000);
    expect(transfer.attributes).toMatchObject({
      'session.id': accepted.attributes['session.id'],
      'account.id': accepted.attributes['account.id'],
      'transfer.bytes': 12_345,
      'transfer.outcome': 'completed',
    });
    expect(transfer.traceId).toBe(String(transfer.attributes['transfer.id']).replaceAll('-', ''));

    await eventually(() => collector.find('event-consumer', 'apply events'), 20_000);
    const about = { 'event.type': 'transfer.completed' };
    for (const name of ['apply event', 'deliver webhook']) {
      const span = await eventually(() => collector.find('event-consumer', name, about), 20_000);
      expect(span).toMatchObject({ traceId: transfer.traceId, parentSpanId: transfer.spanId });
    }
    expect(collector.faults).toEqual([]);
    for (const secret of SECRETS) expect(collector.received).not.toContain(secret);
    expect(server.output).not.toContain('collector-token');
  });

  it('come with the end of the processes at the latest', async () => {
    const endpoint = await collector.start();
    server = await startInstallation({
      env: {
        OTEL_EXPORTER_OTLP_ENDPOINT: endpoint,
        OTEL_EXPORTER_OTLP_HEADERS: 'authorization=Bearer%20collector-token',
      },
    });
    await anAccount();
    await upload();
    expect((await server.stop()).code).toBe(0);
    collector.find('ftp-worker', 'ftp upload');
    collector.find('api', 'POST /v1/tenants');
  });

  it('are missed by nobody where the collector is away', async () => {
    const endpoint = await collector.start();
    await collector.stop();
    server = await startInstallation({ env: { OTEL_EXPORTER_OTLP_ENDPOINT: endpoint } });
    await anAccount();
    for (let n = 0; n < 5; n++) await upload();
    const warnings = () =>
      server!.logRecords().filter(({ app, msg }) => app === 'api' && msg.startsWith('the collector takes no traces'));
    await eventually(() => expect(warnings()).toHaveLength(1), 30_000);
    await upload();
    expect((await server.stop()).code).toBe(0);
    expect(warnings()).toHaveLength(1);
  });
});

describe('without a collector', () => {
  /**
   * The packages of OpenTelemetry that a process has loaded when it has all of the product and opened its traces; `api`,
   * the interfaces that libraries of others load for themselves, does not count.
   */
  function loaded(settings: object | null): string[] {
    const dist = join(import.meta.dirname, '../../dist/apps');
    const address = (app: string, path: string): string => pathToFileURL(join(dist, app, path)).href;
    const script = `
      import 'reflect-metadata';
      import { createRequire } from 'node:module';
      await import(${JSON.stringify(address('api', 'apps/api/src/create-app.js'))});
      await import(${JSON.stringify(address('event-consumer', 'apps/event-consumer/src/event-consumer.module.js'))});
      await import(${JSON.stringify(address('ftp-worker', 'apps/ftp-worker/src/ftp-worker.module.js'))});
      const { openTraces } = await import(${JSON.stringify(address('api', 'libs/observability/src/index.js'))});
      const log = { info() {}, warn() {} };
      await openTraces(${JSON.stringify(settings)}, { service: 's', instance: 'i', log });
      const files = Object.keys(createRequire(import.meta.url).cache);
      const found = files.flatMap((file) => /@opentelemetry.([a-z-]+)/.exec(file)?.[1] ?? []);
      console.log(JSON.stringify([...new Set(found)]));
      process.exit(0);`;
    const root = join(import.meta.dirname, '../..');
    const printed = execFileSync(process.execPath, ['--input-type=module', '-e', script], {
      cwd: root,
      timeout: 60_000,
    });
    const packages = JSON.parse(printed.toString()) as string[];
    return packages.filter((name) => name !== 'api');
  }

  it('no SDK of OpenTelemetry is loaded', () => {
    expect(loaded(null)).toEqual([]);
    expect(loaded({ endpoint: 'http://127.0.0.1:9', headers: {}, ratio: 1 })).toContain('sdk-trace');
  });
});
