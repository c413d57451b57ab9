import { afterAll, beforeAll, describe, expect, it, jest } from '@jest/globals';
import { countFailure, newId } from '@quayside/domain';
import { startTestDatabase, type TestDatabase } from '@quayside/testing';
import { FtpSessionsRepository } from '../sessions/ftp-sessions.repository.js';
import { TrafficRepository } from '../traffic/traffic.repository.js';
import { keyOf, LoginThrottleRepository, type ScoreKey } from './login-throttle.repository.js';

jest.setTimeout(30_000);

let test: TestDatabase;
let throttle: LoginThrottleRepository;

beforeAll(async () => {
  test = await startTestDatabase();
  throttle = new LoginThrottleRepository(test.open('quayside_worker'));
});
afterAll(() => test.stop());

function fail(login: string, source: string): Promise<unknown> {
  const keys: ScoreKey[] = [
    { login, source },
    { login: '', source },
  ];
  return throttle.change(keys, (now) => {
    const state = {
      pair: now.score(keys[0]!),
      source: now.score(keys[1]!),
      lastGoodMs: now.lastGoodMs(keys[0]!),
      allowListed: false,
    };
    const { pair, source: after } = countFailure(state, 'wrong-password', Date.now());
    return [
      { ...keys[0]!, score: pair, reason: 'wrong-password' },
      { ...keys[1]!, score: after, reason: 'wrong-password' },
    ];
  });
}

describe('scores of failed logins', () => {
  it('lose no failure when many workers count at once, and become bans that everybody sees', async () => {
    await Promise.all(Array.from({ length: 12 }, () => fail('alice@acme', '192.0.2.1')));
    const bans = await throttle.bans(10);
    expect(bans.map(({ login, source }) => [login, source])).toEqual([['alice@acme', '192.0.2.1']]);
    expect(Math.round(bans[0]!.score.score)).toBe(12);
  });

  it('know from where an account has logged in well', async () => {
    const key = { login: 'bob@acme', source: '192.0.2.9' };
    await fail(key.login, key.source);
    await throttle.succeeded([key], [key]);
    expect([...(await throttle.knownGood([key])).keys()]).toEqual([keyOf(key)]);
    await throttle.change([key], (now) => {
      expect(now.score(key).score).toBe(0);
      expect(now.lastGoodMs(key)).not.toBeNull();
      return [];
    });
  });

  it('are announced when a ban begins or ends, and forgotten with it', async () => {
    const api = new LoginThrottleRepository(test.open('quayside_api'));
    const client = await test.database.pool.connect();
    let told = 0;
    client.on('notification', ({ payload }) => (told += payload?.includes('login_score') === true ? 1 : 0));
    await client.query('LISTEN quayside_changed');
    const ban = await api.ban({ login: '', source: '198.51.100.7' }, new Date(Date.now() + 60_000), 'abuse');
    expect(ban).toMatchObject({ kind: 'source', reason: 'abuse', source: '198.51.100.7' });
    expect((await api.list({ most: 10, after: null, source: '198.51.100.7', login: null })).length).toBe(1);
    expect(await api.unban(ban.key)).toMatchObject({ key: ban.key });
    expect(await api.unban(ban.key)).toBeNull();
    await client.query('SELECT 1');
    expect(told).toBe(2);
    client.release(true);
  });
});

describe('logins per minute', () => {
  it('are exact over all nodes', async () => {
    const sessions = new FtpSessionsRepository(test.open('quayside_worker', 8));
    const account = newId();
    const taken = await Promise.all(Array.from({ length: 20 }, () => sessions.takeLogin(account, 5)));
    expect(taken.filter(Boolean)).toHaveLength(5);
    expect(await sessions.takeLogin(account, 0)).toBe(false);
  });
});

describe('monthly traffic', () => {
  it('adds up the counters of the month in the time zone of the tenant, and says what they lack', async () => {
    const [tenant, account, worker, logged, unlogged] = [newId(), newId(), newId(), newId(), newId()];
    const { pool } = test.database;
    await pool.query(`INSERT INTO tenant (id, slug, name, time_zone) VALUES ($1, 'india', 'India', 'Asia/Kolkata')`, [
      tenant,
    ]);
    await pool.query(`INSERT INTO account (id, tenant_id, username) VALUES ($1, $2, 'a')`, [account, tenant]);
    const month = `date_trunc('month', now() AT TIME ZONE 'Asia/Kolkata') AT TIME ZONE 'Asia/Kolkata'`;
    // 18:30 UTC: the hour of the counters that the month begins in belongs to two months.
    const hour = async (offset: string, bytes: number): Promise<void> => {
      await pool.query(
        `INSERT INTO usage_hourly (tenant_id, account_id, hour, bytes_up) VALUES ($1, $2, date_trunc('hour', ${month} + $3::interval, 'UTC'), $4)`,
        [tenant, account, offset, bytes],
      );
    };
    await hour('-30 minutes', 1000);
    await hour('1 hour', 30);
    const transfer = async (id: string, offset: string, bytes: number): Promise<void> => {
      await pool.query(
        `INSERT INTO transfer_log (id, started_at, finished_at, event_id, tenant_id, account_id, account, session_id, direction, path, bytes, outcome, protocol, remote_address)
         VALUES ($1, ${month} + $2::interval, ${month} + $2::interval, $1, $3, $4, 'a', $1, 'upload', '/a', $5, 'completed', 'ftp', '192.0.2.1')`,
        [id, offset, tenant, account, bytes],
      );
    };
    await transfer(logged, '10 minutes', 7);
    await transfer(newId(), '-10 minutes', 500);
    const traffic = new TrafficRepository(test.open('quayside_worker'));
    expect(await traffic.used(account, worker, [logged, unlogged])).toMatchObject({
      uploadedBytes: 37,
      downloadedBytes: 0,
      missing: [unlogged],
    });
  });
});
