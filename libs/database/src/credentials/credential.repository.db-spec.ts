import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { newId } from '@quayside/domain';
import { startTestDatabase, type TestDatabase } from '@quayside/testing';
import { CredentialRepository } from './credential.repository.js';

let test: TestDatabase;
const tenantId = newId();
const accountId = newId();

beforeAll(async () => {
  test = await startTestDatabase();
  await test.database.prisma.tenant.create({ data: { id: tenantId, slug: 'acme', name: 'ACME' } });
  await test.database.prisma.account.create({ data: { id: accountId, tenantId, username: 'web' } });
}, 60_000);
afterAll(() => test.stop());

async function aCredential(label: string): Promise<string> {
  const id = newId();
  await test.database.prisma.credential.create({
    data: { id, tenantId, accountId, label, hash: 'old', addresses: [] },
  });
  return id;
}

function read(id: string) {
  return test.database.prisma.credential.findUniqueOrThrow({ where: { id } });
}

describe('a worker', () => {
  it('replaces a hash where it is still the old one, and neither version changes', async () => {
    const credentials = new CredentialRepository(test.open('quayside_worker', 2));
    const id = await aCredential('rehash');
    expect(await credentials.replaceHash({ id, oldHash: 'old', newHash: 'new' })).toBe(true);
    expect(await credentials.replaceHash({ id, oldHash: 'old', newHash: 'newer' })).toBe(false);
    expect(await read(id)).toMatchObject({ hash: 'new', version: 1, revision: 1 });
  });

  it('notes last uses together with other workers, and never goes back in time', async () => {
    const workers = [1, 2].map(() => new CredentialRepository(test.open('quayside_worker', 2)));
    const ids = await Promise.all(['a', 'b', 'c'].map((label) => aCredential(label)));
    const uses = (second: number) =>
      ids.map((id) => ({ id, at: new Date(Date.UTC(2026, 0, 1, 0, 0, second)), address: `192.0.2.${second}` }));
    await workers[0]!.touch(uses(9));
    await Promise.all(workers.map((worker, n) => worker.touch(n === 0 ? uses(5) : uses(7).toReversed())));
    await workers[1]!.touch([]);
    for (const id of ids) {
      expect(await read(id)).toMatchObject({
        lastUsedAt: new Date('2026-01-01T00:00:09Z'),
        lastUsedAddress: '192.0.2.9',
        version: 1,
        revision: 1,
      });
    }
  });

  it('changes nothing else of a credential', async () => {
    const id = await aCredential('restricted');
    const worker = test.open('quayside_worker', 1);
    await expect(worker.pool.query('UPDATE credential SET read_only = true WHERE id = $1', [id])).rejects.toThrow(
      /permission denied/,
    );
  });
});
