import { afterAll, beforeAll, expect, it } from '@jest/globals';
import { newId } from '@quayside/domain';
import { startTestDatabase, type TestDatabase } from '@quayside/testing';
import type { Database } from '../database.js';
import { type EndedSessions, Notifications } from '../notifications.js';
import { LiveSessionRepository } from './live-session.repository.js';

let test: TestDatabase;
let api: Database;
beforeAll(async () => {
  test = await startTestDatabase();
  api = test.open('quayside_api', 2);
});
afterAll(() => test.stop());

it('tells the workers whose sessions an admin ends, whether they are listed or not', async () => {
  const told: EndedSessions[] = [];
  let heard: () => void = () => undefined;
  const hearing = (): Promise<void> => new Promise((resolve) => (heard = resolve));
  let listening = hearing();
  const notifications = new Notifications({
    url: test.url,
    onChange: ({ table, ended }) => {
      if (table !== 'ended_sessions') return;
      told.push(ended!);
      if (told.length === 3) heard();
    },
    onGap: () => heard(),
  });
  notifications.start();
  await listening;
  listening = hearing();
  const [tenantId, accountId] = [newId(), newId()];
  await test.database.pool.query(`INSERT INTO tenant (id, slug, name) VALUES ($1, 'acme', 'Acme')`, [tenantId]);
  const sessions = new LiveSessionRepository(api);
  expect(await sessions.requestEndOfMany(api, tenantId, { accountId }, 'x')).toBe(0);
  expect(await sessions.requestEndOfMany(api, null, { remoteAddress: '192.0.2.1' }, 'x')).toBe(0);
  expect(await sessions.requestEndOfSource(api, '2001:db8::/64', { username: 'web', tenant: 'acme' }, 'x')).toBe(0);
  await listening;
  await notifications.close();
  const anybody = { tenantIds: null, accountId: null, address: null, source: null, username: null };
  expect(told).toEqual([
    { ...anybody, tenantIds: [tenantId], accountId },
    { ...anybody, address: '192.0.2.1' },
    { ...anybody, tenantIds: [tenantId], source: '2001:db8::/64', username: 'web' },
  ]);
});
