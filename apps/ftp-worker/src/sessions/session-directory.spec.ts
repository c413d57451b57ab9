import { afterEach, describe, expect, it, jest } from '@jest/globals';
import type { SessionBeat } from '@quayside/database';
import type { SessionGrant } from '@quayside/domain';
import type { LoginAttempt, SessionView } from '@quayside/ftp-engine';
import { SessionDirectory } from './session-directory.js';

const LOG = { debug: () => {}, info: () => {}, warn: () => {}, error: () => {} };
const STARTED = '1970-01-01T00:00:10.000Z';

/** A directory with one session, which is written at once because a cap counts it. */
async function aDirectory() {
  const clock = { ms: 10_000 };
  const beats: SessionBeat[] = [];
  const rows: string[] = [];
  const directory = new SessionDirectory({
    store: {
      open: () => Promise.resolve(null),
      openMany: (sessions) => {
        rows.push(...sessions.map(({ id }) => id));
        return Promise.resolve();
      },
      takeLogin: () => Promise.resolve(true),
      close: () => Promise.resolve(),
      beat: (_worker, told) => {
        beats.push(...told);
        return Promise.resolve([]);
      },
    },
    workerId: 'w',
    deadAfterMs: 60_000,
    log: LOG,
    now: () => clock.ms,
  });
  const grant = { policy: { caps: { sessions: 1 } } } as unknown as SessionGrant;
  await directory.open({ sessionId: 's', tls: false, remoteAddress: '198.51.100.7' } as LoginAttempt, grant);
  /** What a beat writes about the session that long after the start; null where it writes nothing. */
  const login = (sessionId: string, of: Partial<SessionGrant>, remoteAddress: string, caps = {}) =>
    directory.open(
      { sessionId, tls: false, remoteAddress } as LoginAttempt,
      { policy: { caps }, ...of } as SessionGrant,
    );
  const at = async (seconds: number, view: Partial<SessionView>): Promise<SessionBeat['activity'] | 'nothing'> => {
    clock.ms = 10_000 + seconds * 1_000;
    beats.length = 0;
    await directory.beat([{ id: 's', clientName: null, transfer: null, command: null, ...view } as SessionView], false);
    return beats.length === 0 ? 'nothing' : beats[0]!.activity;
  };
  return { at, directory, login, rows };
}

function aTransfer(bytes: number, startedAtMs = 10_000): Pick<SessionView, 'transfer' | 'command'> {
  const command = { verb: 'STOR', startedAtMs };
  return { command, transfer: { ...command, path: '/a', bytes } };
}

describe('SessionDirectory', () => {
  afterEach(() => {
    jest.useRealTimers();
  });

  it('writes a session that lasts within 25 ms, however many begin and end meanwhile', async () => {
    jest.useFakeTimers();
    const { directory, login, rows } = await aDirectory();
    const of = { tenantId: 't', accountId: 'x', username: 'web' };
    for (let ms = 0; ms < 200; ms += 5) {
      await login(`short ${ms}`, of, '192.0.2.1');
      if (ms === 60) await login('lasts', of, '192.0.2.1');
      await jest.advanceTimersByTimeAsync(5);
      directory.close(`short ${ms}`);
      expect(rows).toEqual(ms < 80 ? rows.filter((id) => id === 'lasts') : ['lasts']);
    }
    await directory.stop();
  });

  it('shows how fast a transfer is between two looks, and a new one from its own start', async () => {
    const { at } = await aDirectory();
    const shown = { verb: 'STOR', path: '/a', startedAt: STARTED };
    expect(await at(2, aTransfer(1_000))).toEqual({ ...shown, bytes: 1_000, bytesPerSecond: 500 });
    expect(await at(3, aTransfer(4_000))).toEqual({ ...shown, bytes: 4_000, bytesPerSecond: 3_000 });
    expect(await at(4, aTransfer(4_000))).toEqual({ ...shown, bytes: 4_000, bytesPerSecond: 0 });
    expect(await at(5, aTransfer(4_000))).toBe('nothing');
    expect(await at(8, aTransfer(600, 17_000))).toMatchObject({ bytes: 600, bytesPerSecond: 600 });
    expect(await at(9, {})).toBeNull();
  });

  it('names the sessions that an admin ends, those without a row too', async () => {
    const { directory, login } = await aDirectory();
    const of = (tenantId: string, accountId: string, username: string) => ({ tenantId, accountId, username });
    await login('a', of('t1', 'x', 'web'), '192.0.2.1');
    await login('b', of('t1', 'y', 'ftp'), '2001:db8::1');
    await login('c', of('t2', 'z', 'web'), '2001:db8::2');
    const anybody = { tenantIds: null, accountId: null, address: null, source: null, username: null };
    expect(directory.among({ ...anybody, accountId: 'x', tenantIds: ['t1'] })).toEqual(['a']);
    expect(directory.among({ ...anybody, accountId: 'x', tenantIds: ['t2'] })).toEqual([]);
    expect(directory.among({ ...anybody, address: '2001:db8::1' })).toEqual(['b']);
    expect(directory.among({ ...anybody, source: '2001:db8::/64' })).toEqual(['b', 'c']);
    expect(directory.among({ ...anybody, source: '2001:db8::/64', username: 'web', tenantIds: ['t2'] })).toEqual(['c']);
    directory.close('a');
    expect(directory.among({ ...anybody, username: 'web' })).toEqual(['c']);
    await directory.stop();
  });

  it('shows a command that takes its time, and writes nothing about those that are soon answered', async () => {
    const { at } = await aDirectory();
    const command = { verb: 'HASH', startedAtMs: 10_000 };
    expect(await at(0.5, { command })).toBe('nothing');
    expect(await at(1, { command })).toEqual({ verb: 'HASH', startedAt: STARTED });
    expect(await at(2, { command })).toBe('nothing');
    expect(await at(3, { command: { verb: 'MLST', startedAtMs: 12_900 } })).toBeNull();
    expect(await at(4, {})).toBe('nothing');
  });
});
