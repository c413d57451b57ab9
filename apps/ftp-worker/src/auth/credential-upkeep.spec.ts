import { describe, expect, it } from '@jest/globals';
import type { CredentialUse, LoginCredential } from '@quayside/database';
import { PasswordHasher, VerifiedPasswords } from '@quayside/passwords';
import { type CredentialStore, CredentialUpkeep } from './credential-upkeep.js';

const IMPORTED = '{SSHA}LhKrkM9Fy+zlstjdD7Kv2s6QvhBzYWx0';

function aCredential(id: string, hash: string): LoginCredential {
  return {
    id,
    label: null,
    hash,
    expiresAtMs: null,
    addresses: [],
    pathPrefix: null,
    readOnly: false,
    tlsOnly: false,
    version: 1,
  };
}

const ignore = (): void => undefined;
const down = (): Promise<never> => Promise.reject(new Error('down'));

function setUp(store: Partial<CredentialStore> = {}) {
  const hasher = new PasswordHasher({ cost: 4 });
  const verified = new VerifiedPasswords();
  const touched: CredentialUse[][] = [];
  const exposed: (readonly string[])[] = [];
  const replaced: { id: string; oldHash: string; newHash: string }[] = [];
  const warnings: string[] = [];
  const upkeep = new CredentialUpkeep({
    store: {
      touch: (uses) => Promise.resolve(void touched.push([...uses])),
      expose: (ids) => Promise.resolve(void exposed.push(ids)),
      replaceHash: (change) => Promise.resolve(replaced.push(change) > 0),
      ...store,
    },
    hasher,
    verified,
    log: { debug: ignore, info: ignore, error: ignore, warn: (message) => warnings.push(message) },
    gatherMs: 60_000,
    nowMs: () => 1000,
  });
  return { upkeep, hasher, verified, touched, exposed, replaced, warnings };
}

describe('CredentialUpkeep', () => {
  it('notes once that a password was sent in clear', async () => {
    const { upkeep, exposed } = setUp();
    for (let i = 0; i < 3; i++) upkeep.exposed(aCredential('c1', IMPORTED));
    await upkeep.stop();
    expect(exposed).toEqual([['c1']]);
  });

  it('makes a foreign hash again, once, and remembers the password under the new one', async () => {
    const { upkeep, hasher, verified, replaced } = setUp();
    for (let i = 0; i < 5; i++) upkeep.used(aCredential('c1', IMPORTED), 'correct horse', '192.0.2.1');
    await upkeep.stop();
    expect(replaced).toEqual([{ id: 'c1', oldHash: IMPORTED, newHash: expect.stringMatching(/^\$2b\$04\$/) }]);
    expect(await hasher.verify('correct horse', replaced[0]!.newHash)).toBe(true);
    expect(verified.has('c1', replaced[0]!.newHash, 'correct horse')).toBe(true);
  });

  it('leaves alone a hash of the present cost, and a password that bcrypt would cut', async () => {
    const { upkeep, hasher, replaced } = setUp();
    upkeep.used(aCredential('c1', await hasher.hash('correct horse')), 'correct horse', '192.0.2.1');
    upkeep.used(aCredential('c2', IMPORTED), 'x'.repeat(73), '192.0.2.1');
    await upkeep.stop();
    expect(replaced).toEqual([]);
  });

  it('does not remember a password whose hash was changed meanwhile', async () => {
    let newHash = '';
    const { upkeep, verified } = setUp({
      replaceHash: (change) => {
        newHash = change.newHash;
        return Promise.resolve(false);
      },
    });
    upkeep.used(aCredential('c1', IMPORTED), 'correct horse', '192.0.2.1');
    await upkeep.stop();
    expect(verified.has('c1', newHash, 'correct horse')).toBe(false);
  });

  it('notes many uses in one write, the last of each credential', async () => {
    const { upkeep, hasher, touched } = setUp();
    const hash = await hasher.hash('x');
    for (const address of ['192.0.2.1', '192.0.2.2']) upkeep.used(aCredential('c1', hash), 'x', address);
    upkeep.used(aCredential('c2', hash), 'x', '192.0.2.3');
    await upkeep.stop();
    expect(touched).toEqual([
      [
        { id: 'c1', at: new Date(1000), address: '192.0.2.2' },
        { id: 'c2', at: new Date(1000), address: '192.0.2.3' },
      ],
    ]);
  });

  it('logs what fails and goes on', async () => {
    const { upkeep, warnings } = setUp({ touch: down, replaceHash: down });
    upkeep.used(aCredential('c1', IMPORTED), 'correct horse', '192.0.2.1');
    await upkeep.stop();
    expect(warnings).toHaveLength(2);
  });
});
