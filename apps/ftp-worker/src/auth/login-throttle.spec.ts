import { describe, expect, it } from '@jest/globals';
import { DomainError, NO_SCORE } from '@quayside/domain';
import { LoginThrottle, type SharedScores } from './login-throttle.js';
import { SourceTurns } from './source-turns.js';

const nothing = (): void => undefined;
const never = (): boolean => false;
const log = { debug: nothing, info: nothing, warn: nothing, error: nothing };

function shared(changes: Partial<SharedScores> = {}): SharedScores {
  return {
    change: async (_keys, decide) => decide({ score: () => NO_SCORE, lastGoodMs: () => null }),
    knownGood: async () => new Map(),
    succeeded: async () => undefined,
    bans: async () => [],
    ...changes,
  };
}

async function isAdmitted(throttle: LoginThrottle, login: string, address: string): Promise<boolean> {
  try {
    await throttle.admit(login, address);
    return true;
  } catch (error) {
    if (error instanceof DomainError && error.code === 'auth.throttled') return false;
    throw error;
  }
}

describe('LoginThrottle', () => {
  it('bans the pair that fails, and nobody else at the account or the address', async () => {
    const throttle = new LoginThrottle({ shared: shared(), log });
    for (let time = 0; time < 11; time++) throttle.failed('alice@acme', '192.0.2.1', 'wrong-password');
    expect(await isAdmitted(throttle, 'ALICE@acme', '192.0.2.1')).toBe(false);
    expect(await isAdmitted(throttle, 'alice@acme', '192.0.2.2')).toBe(true);
    expect(await isAdmitted(throttle, 'bob@acme', '192.0.2.1')).toBe(true);
    await throttle.stop();
  });

  it('bans a source at its first try on a decoy, but never an address of the allow list', async () => {
    const throttle = new LoginThrottle({ shared: shared(), log, allow: ['198.51.100.0/24'] });
    throttle.failed('admin@acme', '192.0.2.1', 'decoy');
    throttle.failed('admin@acme', '198.51.100.9', 'decoy');
    expect(await isAdmitted(throttle, 'bob@acme', '192.0.2.1')).toBe(false);
    expect(await isAdmitted(throttle, 'bob@acme', '198.51.100.9')).toBe(true);
    await throttle.stop();
  });

  it('learns the bans of other workers, and when they are lifted', async () => {
    const until = Date.now() + 60_000;
    const ban = { score: 50, atMs: Date.now(), bans: 1, bannedAtMs: Date.now(), bannedUntilMs: until };
    let bans = [{ login: '', source: '192.0.2.1', reason: null, score: ban }];
    const throttle = new LoginThrottle({ shared: shared({ bans: async () => bans }), log });
    await throttle.reload();
    expect(await isAdmitted(throttle, 'bob@acme', '192.0.2.1')).toBe(false);
    bans = [];
    await throttle.reload();
    expect(await isAdmitted(throttle, 'bob@acme', '192.0.2.1')).toBe(true);
  });

  it('lets in whoever has logged in well from a banned address before', async () => {
    const ban = { score: 50, atMs: Date.now(), bans: 1, bannedAtMs: Date.now(), bannedUntilMs: Date.now() + 60_000 };
    const throttle = new LoginThrottle({
      shared: shared({
        bans: async () => [{ login: '', source: '192.0.2.1', reason: null, score: ban }],
        knownGood: async ([key]) => new Map(key!.login === 'bob@acme' ? [['bob@acme\n192.0.2.1', Date.now()]] : []),
      }),
      log,
    });
    await throttle.reload();
    expect(await isAdmitted(throttle, 'bob@acme', '192.0.2.1')).toBe(true);
    expect(await isAdmitted(throttle, 'eve@acme', '192.0.2.1')).toBe(false);
  });
});

describe('SourceTurns', () => {
  it('serves a source one at a time, others beside it, and refuses a crowd', async () => {
    const turns = new SourceTurns();
    let running = 0;
    let most = 0;
    const work = async (): Promise<void> => {
      most = Math.max(most, ++running);
      await new Promise(setImmediate);
      running--;
    };
    const crowd = await Promise.allSettled(Array.from({ length: 30 }, () => turns.run('192.0.2.1', never, work)));
    expect(most).toBe(1);
    expect(crowd.filter(({ status }) => status === 'rejected')).toHaveLength(13);
    await Promise.all(['192.0.2.1', '192.0.2.2'].map((source) => turns.run(source, never, work)));
    expect(most).toBe(2);
  });

  it('let a source that has failed rest before its next turn, and nobody else', async () => {
    const turns = new SourceTurns();
    const order: string[] = [];
    const take = (source: string, rests: boolean, name: string, ms: number) =>
      turns.run(
        source,
        () => rests,
        async () => {
          await new Promise((resolve) => setTimeout(resolve, ms));
          order.push(name);
        },
      );
    const first = take('192.0.2.1', true, 'flood', 60);
    const second = take('192.0.2.1', true, 'flood again', 1);
    await first;
    await take('192.0.2.2', false, 'other', 40);
    await second;
    expect(order).toEqual(['flood', 'other', 'flood again']);
  });
});
