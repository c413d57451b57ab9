import { createHash, randomBytes } from 'node:crypto';
import { spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { mkdirSync } from 'node:fs';
import { join } from 'node:path';
import { buffer } from 'node:stream/consumers';
import { afterAll, beforeAll, describe, expect, it, jest } from '@jest/globals';
import { ApiClient } from './api-client.js';
import { eventually, freePorts, newDataDir, removeDataDirs } from './installation.js';
import { canMakeNetworks, NodeNetwork, type NetworkedMachine } from './node-network.js';
import { PostgresServer } from './postgres-server.js';
import { RawControl } from './raw-control.js';

jest.setTimeout(300_000);

const DIST = join(import.meta.dirname, '../../dist/apps');
const PASSWORD = 'correct-horse-battery';
const KEY = randomBytes(24).toString('hex');
const FTP_PORT = 2121;
const FTPS_PORT = 9990;
const MIB = 1024 * 1024;
const START_MS = 60_000;
/** Sessions and nodes are shown about a second later. */
const SHOWN_MS = 15_000;
/** Of a worker's silence until it is dead; its leases last twice as long. */
const DEAD_AFTER_SECONDS = 15;
const CLEANED_MS = 120_000;

interface LiveSession {
  readonly id: string;
  readonly account: string;
  readonly remoteAddress: string;
  readonly protocol: string;
  readonly tlsVersion: string | null;
  readonly tlsCipher: string | null;
  readonly clientName: string | null;
  readonly node: string;
  readonly activity: { readonly verb: string; readonly path?: string; readonly bytes?: number } | null;
}

interface Node {
  readonly id: string;
  readonly name: string;
  readonly state: string;
  readonly sessions: number;
  readonly workers: readonly unknown[];
}

let network: NodeNetwork;
let postgres: PostgresServer;
let api: ApiClient;
let apiRoot: string;
const processes: ChildProcess[] = [];
let printed = '';

const main = (app: string, file = 'main.js'): string => join(DIST, app, 'apps', app, 'src', file);

function watched(child: ChildProcess): ChildProcess {
  for (const stream of [child.stdout, child.stderr]) {
    stream?.on('data', (text: Buffer) => (printed = (printed + text.toString()).slice(-100_000)));
  }
  processes.push(child);
  return child;
}

async function startSystem(): Promise<void> {
  network = NodeNetwork.create({ machines: 2, clients: 4 });
  const { hostAddress, subnet } = network;
  postgres = await PostgresServer.start({ address: hostAddress, subnet });
  const databaseUrl = postgres.url.replace('127.0.0.1', hostAddress);
  const shared = newDataDir();
  const { api: apiPort } = await freePorts();
  const env: NodeJS.ProcessEnv = {
    PATH: process.env['PATH'],
    HOME: process.env['HOME'],
    TMPDIR: process.env['TMPDIR'],
    DATABASE_URL: databaseUrl,
    STORAGE_ROOT: join(shared, 'storage'),
    DATA_DIR: shared,
    NODE_DEAD_AFTER: String(DEAD_AFTER_SECONDS),
    BCRYPT_COST: '4',
    BOOTSTRAP_ADMIN_KEY: KEY,
    API_PORT: String(apiPort),
    CONSUMER_METRICS_PORT: '0',
    WORKER_METRICS_PORT: '0',
    FTP_DRAIN_TIMEOUT: '5',
  };
  mkdirSync(join(shared, 'storage'), { recursive: true });
  const start = (app: string, file?: string): ChildProcess =>
    watched(spawn(process.execPath, [main(app, file)], { env, stdio: ['ignore', 'pipe', 'pipe'] }));
  const [code] = (await once(start('standalone', 'migrate.js'), 'exit')) as [number | null];
  if (code !== 0) throw new Error(`The database was not prepared:\n${printed}`);
  start('api');
  start('event-consumer');
  network.machines.forEach((machine, index) => {
    const dataDir = newDataDir();
    const own = {
      NODE_NAME: nameOf(machine),
      DATA_DIR: dataDir,
      SPOOL_DIR: join(dataDir, 'spool'),
      FTP_HOST: machine.address,
      FTP_PORT: String(FTP_PORT),
      FTPS_PORT: String(FTPS_PORT),
      FTP_PASSIVE_PORTS: `${30_000 + index * 100}-${30_039 + index * 100}`,
      FTP_WORKERS: '2',
      FTP_TLS_CERT: join(shared, 'tls/certificate.pem'),
      FTP_TLS_KEY: join(shared, 'tls/key.pem'),
    };
    watched(network.spawn(machine, process.execPath, [main('ftp-worker')], { ...env, ...own }));
  });
  apiRoot = `http://127.0.0.1:${apiPort}/v1`;
  api = new ApiClient(apiRoot, KEY);
  await eventually(async () => {
    const workers = (await nodes()).map((node) => [node.name, node.workers.length]);
    expect(workers).toEqual([
      ['node-1', 2],
      ['node-2', 2],
    ]);
    for (const machine of network.machines) (await RawControl.open(FTP_PORT, { host: machine.address })).destroy();
  }, START_MS);
}

async function stopSystem(): Promise<void> {
  const exited = processes.map(async (child) => {
    if (child.exitCode !== null || child.signalCode !== null) return;
    const gone = once(child, 'exit');
    child.kill('SIGTERM');
    const late = setTimeout(() => child.kill('SIGKILL'), 20_000);
    await gone;
    clearTimeout(late);
  });
  await Promise.all(exited);
  await postgres?.end();
  network?.remove();
  removeDataDirs();
}

function nameOf(machine: NetworkedMachine): string {
  return `node-${network.machines.indexOf(machine) + 1}`;
}

async function nodes(): Promise<readonly Node[]> {
  return (await api.ok<{ items: Node[] }>('GET', '/nodes')).items;
}

async function sessions(query = ''): Promise<readonly LiveSession[]> {
  return (await api.ok<{ items: LiveSession[] }>('GET', `/tenants/acme/sessions?limit=100${query}`)).items;
}

/** A node by its number, as one of the clients. */
function to(node: 1 | 2, client = 0): { host: string; localAddress: string } {
  return { host: network.machines[node - 1]!.address, localAddress: network.clientAddresses[client]! };
}

async function anAccount(username: string, caps?: Record<string, number>): Promise<string> {
  const policy =
    caps === undefined
      ? {}
      : {
          policy: (await api.ok<{ id: string }>('POST', '/tenants/acme/policies', { name: username, rules: { caps } }))
            .id,
        };
  await api.ok('POST', '/tenants/acme/accounts', { username, password: PASSWORD, ...policy });
  return `${username}@acme`;
}

async function loggedIn(login: string, node: 1 | 2, client = 0): Promise<RawControl> {
  const control = await RawControl.open(FTP_PORT, to(node, client));
  expect(await control.login(login, PASSWORD)).toMatch(/^230/);
  expect(await control.send('TYPE I')).toMatch(/^200/);
  return control;
}

/** The last words of a login that may be refused. */
async function answerToLogin(login: string, node: 1 | 2, client = 0, password = PASSWORD): Promise<string> {
  const control = await RawControl.open(FTP_PORT, to(node, client));
  const answer = control.greeting.startsWith('220') ? await control.login(login, password) : control.greeting;
  control.destroy();
  return answer;
}

async function stored(login: string, node: 1 | 2, path: string): Promise<Buffer> {
  const control = await loggedIn(login, node);
  const data = await control.passive();
  expect(await control.send(`RETR ${path}`)).toMatch(/^150/);
  const content = await buffer(data);
  expect(await control.reply()).toMatch(/^226/);
  control.destroy();
  return content;
}

const sha256 = (content: Buffer): string => createHash('sha256').update(content).digest('hex');

const networked = canMakeNetworks();
if (!networked) process.stderr.write('two-nodes: skipped, because network namespaces need root and iproute2\n');

(networked ? describe : describe.skip)('two worker groups on machines of their own', () => {
  beforeAll(async () => {
    await startSystem();
    await api.ok('POST', '/tenants', { slug: 'acme', name: 'Acme' });
  });
  afterAll(stopSystem);

  it('count the sessions of an account, and of one address, together', async () => {
    const login = await anAccount('capped', { sessions: 2 });
    const first = await loggedIn(login, 1);
    const second = await loggedIn(login, 2);
    for (const node of [1, 2] as const) expect(await answerToLogin(login, node)).toMatch(/^(421|530)/);
    first.destroy();
    // The place that became free on one node is taken on the other.
    const third = await eventually(() => loggedIn(login, 2), SHOWN_MS);
    for (const control of [second, third]) control.destroy();

    const shared = await anAccount('shared', { sessionsPerAddress: 1 });
    // The cap is per address: the sessions that have just gone from there must be off the list first.
    const office = await eventually(() => loggedIn(shared, 1, 0), SHOWN_MS);
    expect(await answerToLogin(shared, 2, 0)).toMatch(/^(421|530)/);
    const home = await loggedIn(shared, 2, 1);
    for (const control of [office, home]) control.destroy();
  });

  it('show their sessions in one list, and end one, all of an account and all of an address', async () => {
    const [anna, bert] = [await anAccount('anna'), await anAccount('bert')];
    const plain = await loggedIn(anna, 1, 0);
    expect(await plain.send('CLNT uploader 1.0')).toMatch(/^2/);
    const secure = await RawControl.openTls(FTPS_PORT, '', to(2, 1));
    expect(await secure.login(anna, PASSWORD)).toMatch(/^230/);
    const [near, far] = [await loggedIn(bert, 1, 1), await loggedIn(bert, 2, 2)];
    const list = await eventually(async () => {
      const listed = (await sessions()).filter(({ account }) => ['anna', 'bert'].includes(account));
      expect(listed).toHaveLength(4);
      expect(listed.find(({ clientName }) => clientName !== null)).toBeDefined();
      return listed;
    }, SHOWN_MS);
    const key = (session: LiveSession): string => `${session.account} ${session.node}`;
    const byKey = new Map(list.map((session) => [key(session), session]));
    expect(byKey.get('anna node-1')).toMatchObject({
      protocol: 'ftp',
      tlsVersion: null,
      tlsCipher: null,
      clientName: 'uploader 1.0',
      remoteAddress: network.clientAddresses[0],
    });
    expect(byKey.get('anna node-2')).toMatchObject({
      protocol: 'ftps',
      tlsVersion: 'TLSv1.3',
      tlsCipher: expect.stringMatching(/^TLS_/),
      remoteAddress: network.clientAddresses[1],
    });
    expect((await sessions('&node=node-2')).map(key).toSorted()).toEqual(['anna node-2', 'bert node-2']);
    const platform = await api.ok<{ items: LiveSession[] }>('GET', '/sessions?limit=100');
    expect(platform.items.map(({ id }) => id)).toEqual(expect.arrayContaining(list.map(({ id }) => id)));
    await eventually(async () => {
      expect((await nodes()).map((node) => node.sessions)).toEqual([2, 2]);
    }, SHOWN_MS);

    await api.ok('DELETE', `/tenants/acme/sessions/${byKey.get('anna node-2')!.id}`);
    expect(await secure.reply()).toMatch(/^421/);
    expect(await plain.send('NOOP')).toMatch(/^200/);
    await eventually(async () => expect(await sessions('&account=anna')).toHaveLength(1), SHOWN_MS);

    const again = await loggedIn(anna, 2, 3);
    await eventually(async () => expect(await sessions('&account=anna')).toHaveLength(2), SHOWN_MS);
    expect(await api.ok('DELETE', '/tenants/acme/sessions?account=anna')).toEqual({ ended: 2 });
    for (const control of [plain, again]) expect(await control.reply()).toMatch(/^421/);
    for (const control of [near, far]) expect(await control.send('NOOP')).toMatch(/^200/);

    const neighbour = await loggedIn(bert, 2, 1);
    await eventually(async () => {
      const shown = await sessions(`&address=${network.clientAddresses[1]}`);
      expect(shown.map(key).toSorted()).toEqual(['bert node-1', 'bert node-2']);
    }, SHOWN_MS);
    expect(await api.ok('DELETE', `/sessions?address=${network.clientAddresses[1]}`)).toEqual({ ended: 2 });
    for (const control of [near, neighbour]) expect(await control.reply()).toMatch(/^421/);
    expect(await far.send('NOOP')).toMatch(/^200/);
    far.destroy();
    await eventually(async () => expect(await sessions()).toEqual([]), SHOWN_MS);
  });

  it('tell of both in one stream', async () => {
    const login = await anAccount('streamed');
    const over = new AbortController();
    const response = await fetch(`${apiRoot}/tenants/acme/stream`, {
      headers: { authorization: `Bearer ${KEY}` },
      signal: over.signal,
    });
    expect(response.headers.get('content-type')).toMatch(/^text\/event-stream/);
    let told = '';
    const reading = (async () => {
      for await (const piece of response.body!) told += Buffer.from(piece as Uint8Array).toString();
    })().catch(() => undefined);
    const controls = [await loggedIn(login, 1), await loggedIn(login, 2)];
    await eventually(() => {
      for (const node of ['node-1', 'node-2']) expect(told).toContain(`"node":"${node}"`);
    }, SHOWN_MS);
    over.abort();
    await reading;
    for (const control of controls) control.destroy();
  });

  it('resume on one node what was cut off on the other', async () => {
    const login = await anAccount('resumer');
    const content = randomBytes(2 * MIB);
    for (const [path, command] of [
      ['/appended.bin', 'APPE'],
      ['/restarted.bin', 'REST'],
    ] as const) {
      const control = await loggedIn(login, 1);
      const data = await control.passive();
      expect(await control.send(`STOR ${path}`)).toMatch(/^150/);
      data.write(content.subarray(0, MIB));
      await eventually(async () => {
        const [session] = await sessions('&account=resumer&node=node-1');
        expect(session?.activity).toMatchObject({ verb: 'STOR', path, bytesPerSecond: expect.any(Number) });
        expect(session?.activity?.bytes).toBeGreaterThan(0);
      }, SHOWN_MS);
      control.destroy();
      data.destroy();

      const resumed = await loggedIn(login, 2);
      const size = await eventually(async () => {
        const answer = await resumed.send(`SIZE ${path}`);
        expect(answer).toMatch(/^213 [1-9]/);
        return Number(answer.slice(4));
      }, SHOWN_MS);
      expect(size).toBeLessThanOrEqual(MIB);
      const rest = await resumed.passive();
      if (command === 'REST') expect(await resumed.send(`REST ${size}`)).toMatch(/^350/);
      expect(await resumed.send(`${command === 'REST' ? 'STOR' : 'APPE'} ${path}`)).toMatch(/^150/);
      rest.end(content.subarray(size));
      expect(await resumed.reply()).toMatch(/^226/);
      resumed.destroy();
      for (const node of [1, 2] as const) expect(sha256(await stored(login, node, path))).toBe(sha256(content));
    }
    await eventually(async () => {
      expect((await api.account('acme', 'resumer')).usage).toMatchObject({ bytes: 4 * MIB, files: 2 });
    }, SHOWN_MS);
  });

  it('ban a source for failures that neither has seen all of', async () => {
    const login = await anAccount('guessed');
    const guesses = ([1, 2] as const).flatMap((node) =>
      Array.from({ length: 6 }, (_, index) => answerToLogin(login, node, 3, `wrong-${index}`)),
    );
    for (const answer of await Promise.all(guesses)) expect(answer).toMatch(/^(421|530)/);
    const { items } = await eventually(async () => {
      const bans = await api.ok<{ items: { id: string; login?: string | null }[] }>(
        'GET',
        `/bans?address=${network.clientAddresses[3]}`,
      );
      expect(bans.items).toHaveLength(1);
      return bans;
    }, SHOWN_MS);
    for (const node of [1, 2] as const) {
      expect(await answerToLogin(login, node, 3)).toMatch(/^(421|530)/);
      expect(await answerToLogin(login, node, 2)).toMatch(/^230/);
    }
    await api.ok('DELETE', `/bans/${items[0]!.id}`);
    for (const node of [1, 2] as const) {
      await eventually(async () => expect(await answerToLogin(login, node, 3)).toMatch(/^230/), SHOWN_MS);
    }
  });

  it('drain apart: who comes is refused by one and served by the other', async () => {
    const login = await anAccount('drained');
    const { id } = (await nodes()).find(({ name }) => name === 'node-1')!;
    await api.ok('POST', `/nodes/${id}/drain`, {});
    await eventually(async () => {
      expect((await nodes()).map(({ state }) => state)).toEqual(['drained', 'serving']);
    }, SHOWN_MS);
    expect(await answerToLogin(login, 1)).toMatch(/^421/);
    expect(await answerToLogin(login, 2)).toMatch(/^230/);
    await api.ok('POST', `/nodes/${id}/undrain`, {});
    await eventually(async () => expect(await answerToLogin(login, 1)).toMatch(/^230/), SHOWN_MS);
  });

  it('outlive each other: the sessions and leases of a node that died are cleaned, and its places are free', async () => {
    const login = await anAccount('orphan', { sessions: 1 });
    await api.ok('PATCH', '/tenants/acme/accounts/orphan', { quota: { bytes: 3 * MIB } });
    const control = await loggedIn(login, 1);
    const data = await control.passive();
    expect(await control.send('STOR /orphan.bin')).toMatch(/^150/);
    data.write(randomBytes(MIB));
    await eventually(async () => expect(await sessions('&node=node-1')).toHaveLength(1), SHOWN_MS);

    network.crash(network.machines[0]!);
    await control.end();
    expect(await answerToLogin(login, 2)).toMatch(/^(421|530)/);
    await eventually(async () => {
      expect(await sessions('&node=node-1')).toEqual([]);
      expect((await nodes()).map(({ name, workers }) => [name, workers.length])).toEqual([
        ['node-1', 0],
        ['node-2', 2],
      ]);
    }, CLEANED_MS);
    // The place of the session is free, and what the lease had taken of the account's space.
    await eventually(async () => {
      const again = await loggedIn(login, 2);
      try {
        const upload = await again.passive();
        expect(await again.send('STOR /new.bin')).toMatch(/^150/);
        upload.end(randomBytes(3 * MIB));
        expect(await again.reply()).toMatch(/^226/);
      } finally {
        again.destroy();
        await eventually(async () => expect(await sessions()).toEqual([]), SHOWN_MS);
      }
    }, CLEANED_MS);
  }, 600_000);
});
