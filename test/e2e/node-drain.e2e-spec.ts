import { randomBytes } from 'node:crypto';
import { once } from 'node:events';
import { afterAll, beforeAll, describe, expect, it, jest } from '@jest/globals';
import { eventually, removeDataDirs, startInstallation, type RunningInstallation } from './installation.js';
import { RawControl } from './raw-control.js';

jest.setTimeout(120_000);

const password = 'correct-horse-battery';

interface Node {
  readonly id: string;
  readonly state: string;
  readonly draining: boolean;
  readonly sessions: number;
  readonly transfers: number;
}

let server: RunningInstallation;

beforeAll(async () => {
  server = await startInstallation({ env: { NODE_NAME: 'one' } });
  await server.api.ok('POST', '/tenants', { slug: 'acme', name: 'Acme' });
  await server.api.ok('POST', '/tenants/acme/accounts', { username: 'dora', password });
});
afterAll(async () => {
  await server?.stop();
  removeDataDirs();
});

async function node(): Promise<Node> {
  return (await server.api.ok<{ items: Node[] }>('GET', '/nodes')).items[0]!;
}

async function loggedIn(): Promise<RawControl> {
  const control = await RawControl.open(server.ports.ftp);
  expect(await control.login('dora@acme', password)).toMatch(/^230/);
  expect(await control.send('TYPE I')).toMatch(/^200/);
  return control;
}

/** The greetings of so many connections that every worker has answered some. */
async function greetings(): Promise<Set<string>> {
  const greeted = new Set<string>();
  for (let number = 0; number < 12; number++) {
    const control = await RawControl.open(server.ports.ftp);
    greeted.add(control.greeting.slice(0, 3));
    control.destroy();
  }
  return greeted;
}

describe('a node that is drained over the API', () => {
  it('finishes the running upload, ends who rests, refuses who comes, survives a restart, and comes back', async () => {
    const resting = await loggedIn();
    const busy = await loggedIn();
    const data = await busy.passive();
    expect(await busy.send('STOR /running.bin')).toMatch(/^150/);
    const content = randomBytes(300_000);
    data.write(content.subarray(0, 100_000));

    const { id } = await node();
    await server.api.ok('POST', `/nodes/${id}/drain`, {});
    expect(await resting.reply()).toMatch(/^421 .*maintenance/);
    expect(await greetings()).toEqual(new Set(['421']));
    await eventually(async () => {
      expect(await node()).toMatchObject({ state: 'draining', draining: true, sessions: 1, transfers: 1 });
    }, 20_000);

    data.end(content.subarray(100_000));
    await once(data, 'close');
    expect(await busy.reply()).toMatch(/^226/);
    expect(await busy.reply()).toMatch(/^421/);
    await eventually(async () => {
      expect(await node()).toMatchObject({ state: 'drained', sessions: 0, transfers: 0 });
    }, 20_000);

    await server.killChild('ftp-worker-1');
    await eventually(async () => expect(await greetings()).toEqual(new Set(['421'])), 20_000);

    await server.api.ok('POST', `/nodes/${id}/undrain`, {});
    await eventually(async () => expect(await greetings()).toEqual(new Set(['220'])), 20_000);
    const back = await loggedIn();
    expect(await back.send('SIZE /running.bin')).toBe('213 300000');
    expect((await node()).state).toBe('serving');
    back.destroy();
  });
});
