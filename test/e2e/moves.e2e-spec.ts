import { randomBytes } from 'node:crypto';
import { once } from 'node:events';
import { setTimeout as delay } from 'node:timers/promises';
import { afterAll, beforeAll, describe, expect, it, jest } from '@jest/globals';
import { eventually, removeDataDirs, startInstallation, type RunningInstallation } from './installation.js';
import { RawControl } from './raw-control.js';

jest.setTimeout(120_000);

const KIB = 1024;
const PASSWORD = 'correct-horse-battery';
const CLIENTS = 4;
const KILLS = 6;

interface Space {
  readonly id: string;
  readonly name: string;
  readonly usage: { readonly bytes: number; readonly files: number; readonly reservedBytes: number };
}

let server: RunningInstallation;

beforeAll(async () => {
  server = await startInstallation();
  await server.api.ok('POST', '/tenants', { slug: 'acme', name: 'Acme' });
});
afterAll(async () => {
  await server?.stop();
  removeDataDirs();
});

/** An account that sees a space of its own at `/home` and another one at `/archive`. */
async function anAccount(username: string, archive: { bytes?: number; files?: number } = {}): Promise<[Space, Space]> {
  const spaces = await Promise.all(
    [{}, archive].map((quota, index) =>
      server.api.ok<Space>('POST', '/tenants/acme/spaces', { name: `${username}-${index}`, quota }),
    ),
  );
  const [own, other] = spaces as [Space, Space];
  await server.api.ok('POST', '/tenants/acme/accounts', {
    username,
    password: PASSWORD,
    mounts: [
      { space: own.id, path: '/home' },
      { space: other.id, path: '/archive' },
    ],
  });
  return [own, other];
}

async function usageOf({ id }: Space): Promise<Space['usage']> {
  return (await server.api.ok<Space>('GET', `/tenants/acme/spaces/${id}`)).usage;
}

async function login(username: string): Promise<RawControl> {
  const control = await RawControl.open(server.ports.ftp);
  const answer = await control.login(`${username}@acme`, PASSWORD);
  if (!answer.startsWith('230')) throw new Error(`The login was refused: ${answer}`);
  await control.send('TYPE I');
  return control;
}

async function put(control: RawControl, path: string, content: Buffer): Promise<string> {
  const data = await control.passive();
  const first = await control.send(`STOR ${path}`);
  if (!first.startsWith('150')) return first;
  data.end(content);
  const answer = await control.reply();
  if (!data.destroyed) await once(data, 'close');
  return answer;
}

async function rename(control: RawControl, from: string, to: string): Promise<string> {
  const first = await control.send(`RNFR ${from}`);
  return first.startsWith('350') ? control.send(`RNTO ${to}`) : first;
}

describe('a rename from one space to another', () => {
  it('takes the bytes from ledger to ledger, of files and folders, and shows both paths in its event', async () => {
    const [home, archive] = await anAccount('alice');
    const control = await login('alice');
    await control.send('MKD /home/photos');
    await put(control, '/home/photos/a', randomBytes(3000));
    await put(control, '/home/photos/b', randomBytes(2000));
    await put(control, '/home/file', randomBytes(500));
    expect(await rename(control, '/home/photos', '/archive/photos')).toMatch(/^250/);
    expect(await rename(control, '/home/file', '/archive/photos/a')).toMatch(/^250/);
    expect(await control.send('SIZE /archive/photos/a')).toBe('213 500');
    await eventually(async () => {
      expect(await usageOf(home)).toMatchObject({ bytes: 0, files: 0, reservedBytes: 0 });
      expect(await usageOf(archive)).toMatchObject({ bytes: 2500, files: 2, reservedBytes: 0 });
    }, 20_000);
    await eventually(async () => {
      const { items } = await server.api.ok<{ items: { data: Record<string, unknown> }[] }>(
        'GET',
        '/tenants/acme/events?type=file.renamed',
      );
      expect(items.map(({ data }) => [data['from'], data['to']])).toContainEqual(['/home/photos', '/archive/photos']);
    }, 20_000);
    control.destroy();
  });

  it('is refused with 553 beyond the quota of the target, to the byte and to the file', async () => {
    const [home, archive] = await anAccount('bob', { bytes: 10 * KIB, files: 2 });
    const control = await login('bob');
    await put(control, '/home/fits', randomBytes(10 * KIB));
    await put(control, '/home/over', randomBytes(10 * KIB + 1));
    await control.send('MKD /home/many');
    for (const name of ['a', 'b', 'c']) await put(control, `/home/many/${name}`, randomBytes(1));
    expect(await rename(control, '/home/over', '/archive/over')).toMatch(/^553/);
    expect(await rename(control, '/home/many', '/archive/many')).toMatch(/^553/);
    expect(await control.send('SIZE /home/over')).toBe(`213 ${10 * KIB + 1}`);
    expect(await rename(control, '/home/fits', '/archive/fits')).toMatch(/^250/);
    // At 100 %, what replaces as much as it brings fits; more does not.
    await put(control, '/home/same', randomBytes(10 * KIB));
    expect(await rename(control, '/home/over', '/archive/fits')).toMatch(/^553/);
    expect(await rename(control, '/home/same', '/archive/fits')).toMatch(/^250/);
    await eventually(async () => {
      expect(await usageOf(home)).toMatchObject({ bytes: 10 * KIB + 4, files: 4 });
      expect(await usageOf(archive)).toMatchObject({ bytes: 10 * KIB, files: 1, reservedBytes: 0 });
    }, 20_000);
    control.destroy();
  });

  it('leaves ledgers and files equal, and loses nothing, when workers are killed again and again', async () => {
    const [home, archive] = await anAccount('carol');
    const control = await login('carol');
    let stored = 0;
    for (let index = 0; index < CLIENTS; index++) {
      await control.send(`MKD /home/d${index}`);
      for (const [path, bytes] of [
        [`/home/f${index}`, 1000 + index],
        [`/home/d${index}/x`, 2000 + index],
      ] as const) {
        expect(await put(control, path, randomBytes(bytes))).toMatch(/^226/);
        stored += bytes;
      }
    }
    control.destroy();
    const ending = new AbortController();
    const { signal } = ending;
    let moves = 0;
    const moving = async (index: number): Promise<void> => {
      while (!signal.aborted) {
        try {
          const session = await login('carol');
          while (!signal.aborted && !session.closed) {
            for (const name of [`f${index}`, `d${index}`]) {
              for (const [from, to] of [
                ['home', 'archive'],
                ['archive', 'home'],
              ]) {
                if ((await rename(session, `/${from}/${name}`, `/${to}/${name}`)).startsWith('250')) moves++;
              }
            }
          }
          session.destroy();
        } catch {
          // The server is gone for a moment, which is the point.
          await delay(50);
        }
      }
    };
    const clients = Array.from({ length: CLIENTS }, (_, index) => moving(index));
    try {
      for (let kill = 0; kill < KILLS; kill++) {
        const before = moves;
        await eventually(() => expect(moves).toBeGreaterThan(before + 20), 20_000);
        await server.killChild(`ftp-worker-${(kill % 2) + 1}`);
      }
    } finally {
      ending.abort();
      await Promise.all(clients);
    }
    await eventually(async () => {
      const usage = await Promise.all([usageOf(home), usageOf(archive)]);
      expect(usage[0].bytes + usage[1].bytes).toBe(stored);
      expect(usage[0].files + usage[1].files).toBe(2 * CLIENTS);
      for (const [index, space] of [home, archive].entries()) {
        expect(usage[index]).toMatchObject({ ...server.onDisk(space.id), reservedBytes: 0 });
      }
    }, 30_000);
  });
});
