import { existsSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it, jest } from '@jest/globals';
import { type Config, loadConfig } from '@quayside/config';
import { testCertificate } from '@quayside/testing';
import type { Customers, OpenCustomers } from './customers.js';
import { play } from './rehearsal-client.js';
import { Rehearsal, type RehearsalOptions } from './rehearsal.js';

/** Eight sessions in clear at once, and eight logins under TLS. */
const SCENE = { compiles: false, plain: 1, tls: 0, plainLogins: 0, tlsLogins: 1 };

// Dozens of sessions, some under TLS, beside other specs.
jest.setTimeout(60_000);

let home: string;
let config: Config;
let told: { readonly message: string; readonly fields?: Record<string, unknown> }[];

beforeEach(() => {
  home = mkdtempSync(join(tmpdir(), 'quayside-rehearsal-'));
  config = loadConfig({ DATA_DIR: home });
  told = [];
});
afterEach(() => rmSync(home, { recursive: true, force: true }));

async function rehearsal(options: Partial<RehearsalOptions> = {}): Promise<Rehearsal> {
  const tell = (message: string, fields?: Record<string, unknown>): void => void told.push({ message, fields });
  return new Rehearsal({
    config,
    place: { slot: 0, count: 1 },
    certificate: await testCertificate(),
    log: { debug: tell, info: tell, warn: tell, error: tell },
    isBusy: () => false,
    customers: hosted,
    acts: [[SCENE], [SCENE, { compiles: true, plain: 1, tls: 1, plainLogins: 1, tlsLogins: 1 }]],
    ...options,
  });
}

/** Customers in this process: the other one runs what was built, and is seen by an end-to-end test. */
function hosted(onTransfer: () => void): Customers {
  let leave!: (error: Error) => void;
  const left = new Promise<never>((_resolve, reject) => (leave = reject));
  left.catch(() => undefined);
  return {
    visit: (visit) => Promise.race([play(visit, onTransfer), left]),
    close: () => leave(new Error('sent away')),
  };
}

function folder(): string {
  return join(config.spool.dir, 'rehearsal-0');
}

describe('Rehearsal', () => {
  it('plays logins, transfers and listings to its end, and leaves nothing behind', async () => {
    await (await rehearsal()).start();
    expect(told.map(({ message }) => message)).toEqual(['rehearsed']);
    expect(told[0]!.fields).toMatchObject({ sessions: 56 });
    expect(existsSync(folder())).toBe(false);
  });

  it('leaves TLS out where there is no certificate', async () => {
    await (await rehearsal({ certificate: null })).start();
    expect(told[0]).toMatchObject({ message: 'rehearsed', fields: { sessions: 28 } });
  });

  it('gives way to customers', async () => {
    await (await rehearsal({ isBusy: () => true })).start();
    expect(told[0]).toMatchObject({ message: 'rehearsed', fields: { sessions: 0 } });
  });

  it('gives way to customers between two transfers', async () => {
    let transfers = 0;
    const customers: OpenCustomers = (onTransfer) =>
      hosted(() => {
        transfers += 1;
        onTransfer();
      });
    await (await rehearsal({ certificate: null, customers, isBusy: () => transfers >= 3 })).start();
    expect(told[0]).toMatchObject({ message: 'rehearsed', fields: { sessions: 0 } });
    expect(existsSync(folder())).toBe(false);
  });

  it('ends in the middle when the worker does', async () => {
    let reach!: () => void;
    const reached = new Promise<void>((resolve) => (reach = resolve));
    const running = await rehearsal({
      acts: [[{ compiles: true, plain: 10_000, tls: 10_000, plainLogins: 10_000, tlsLogins: 10_000 }]],
      isBusy: () => {
        reach();
        return false;
      },
    });
    void running.start();
    await reached;
    await running.stop();
    expect(told).toEqual([]);
    expect(existsSync(folder())).toBe(false);
  });

  it('costs nothing where it cannot run', async () => {
    config = { ...config, spool: { ...config.spool, dir: '/dev/null/spool' } };
    await (await rehearsal()).start();
    expect(told.map(({ message }) => message)).toEqual(['the rehearsal ended early']);
  });
});
