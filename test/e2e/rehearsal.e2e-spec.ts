import { readdirSync, readFileSync } from 'node:fs';
import { afterAll, beforeAll, describe, expect, it, jest } from '@jest/globals';
import { eventually, removeDataDirs, startInstallation, type RunningInstallation } from './installation.js';
import { RawControl } from './raw-control.js';

jest.setTimeout(180_000);

let server: RunningInstallation;

beforeAll(async () => {
  server = await startInstallation({ env: { FTP_WARM_UP: 'on', FTP_WORKERS: '1', LOG_LEVEL: 'debug' } });
});
afterAll(async () => {
  await server?.stop();
  removeDataDirs();
});

describe('the rehearsal of a new worker', () => {
  it('plays all its sessions with a process of customers, which ends with it, and reaches neither log nor list', async () => {
    const customers = new Set<number>();
    const ended = await eventually(() => {
      for (const pid of customersOf(server.children().get('ftp-worker-1'))) customers.add(pid);
      const record = server.logRecords().find(({ msg }) => /rehearse/.test(msg));
      if (record === undefined) throw new Error('it is under way');
      return record;
    }, 90_000);
    expect(ended).toMatchObject({ msg: 'rehearsed', sessions: 272 });
    expect(customers.size).toBe(1);
    await eventually(() => expect([...customers].filter((pid) => commandOf(pid) !== '')).toEqual([]), 20_000);

    expect(await server.api.ok('GET', '/sessions')).toMatchObject({ items: [] });
    expect(await server.api.ok('GET', '/tenants')).toMatchObject({ items: [] });
    const control = await RawControl.open(server.ports.ftp);
    expect(await control.login('rehearsal@rehearsal', 'rehearsal')).toMatch(/^530/);
    control.destroy();
  });
});

function customersOf(worker: number | undefined): number[] {
  const pids = readdirSync('/proc').filter((name) => /^\d+$/.test(name));
  return pids.map(Number).filter((pid) => commandOf(pid).includes('rehearsal-process') && parentOf(pid) === worker);
}

function commandOf(pid: number): string {
  try {
    return readFileSync(`/proc/${pid}/cmdline`, 'utf8');
  } catch {
    return '';
  }
}

function parentOf(pid: number): number {
  try {
    return Number(/\nPPid:\s*(\d+)/.exec(readFileSync(`/proc/${pid}/status`, 'utf8'))?.[1]);
  } catch {
    return 0;
  }
}
