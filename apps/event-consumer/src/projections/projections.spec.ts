import { describe, expect, it } from '@jest/globals';
import { newId } from '@quayside/domain';
import { parseEvent } from '@quayside/events';
import { project } from './index.js';

const ids = { tenantId: newId(), accountId: newId(), sessionId: newId() };
const session = { remoteAddress: '192.0.2.1', protocol: 'ftps', clientName: null };

function projected(type: string, data: Record<string, unknown>, about: Record<string, unknown> = ids) {
  const at = '2026-11-22T10:00:00.000Z';
  return project(parseEvent({ id: newId(), type, v: 1, at, node: 'n1', worker: 'w', ...about, data }));
}

const transfer = {
  ...session,
  transferId: newId(),
  account: 'bob',
  spaceId: newId(),
  direction: 'upload',
  verb: 'STOR',
  path: '/a',
  bytes: 10,
  fileBytes: 15,
  sha256: 'ff',
  startedAt: '2026-11-22T09:59:00.000Z',
  finishedAt: '2026-11-22T10:00:00.000Z',
  dataTls: true,
  delta: null,
};

describe('project', () => {
  it('makes a row and usage of a completed upload', () => {
    const { transfer: row, usage } = projected('transfer.completed', transfer);
    expect(row).toMatchObject({ id: transfer.transferId, outcome: 'completed', reason: null, bytes: 10, node: 'n1' });
    expect(usage).toEqual([{ spaceId: transfer.spaceId, uploads: 1, bytesUp: 10, bytesUpFtps: 10, bytesUpTls: 10 }]);
  });

  it('counts the bytes of a failed download, but no download', () => {
    const failed = {
      ...transfer,
      direction: 'download',
      dataTls: false,
      outcome: 'aborted',
      reason: 'X',
      keptBytes: 0,
    };
    const { transfer: row, usage } = projected('transfer.failed', failed);
    expect(row).toMatchObject({ direction: 'download', outcome: 'aborted', reason: 'X' });
    expect(usage).toEqual([
      { spaceId: transfer.spaceId, failures: 1, bytesDown: 10, bytesDownFtps: 10, bytesDownTls: 0 },
    ]);
  });

  it('makes no row of a transfer without an account', () => {
    expect(projected('transfer.completed', transfer, { ...ids, accountId: null }).transfer).toBeNull();
  });

  it('counts logins, refused logins and deletions', () => {
    const refused = { ...session, login: 'x', code: 'auth.failed', reason: 'r', hint: '' };
    expect(projected('login.succeeded', { ...session, account: 'bob' }).usage).toEqual([{ logins: 1 }]);
    expect(projected('login.failed', refused).usage).toEqual([{ loginFailures: 1 }]);
    const deleted = {
      ...session,
      account: 'bob',
      path: '/a',
      bytes: 1,
      delta: { spaceId: newId(), bytes: -1, files: -1 },
    };
    const { spaceId } = deleted.delta;
    expect(projected('file.deleted', deleted).usage).toEqual([
      { spaceId, deletes: 1 },
      { spaceId, storedBytes: -1, storedFiles: -1 },
    ]);
  });

  it('moves what is stored with a file that is renamed into another space', () => {
    const [from, to] = [newId(), newId()];
    const deltas = [
      { spaceId: from, bytes: -5, files: -1 },
      { spaceId: to, bytes: 5, files: 1 },
    ];
    expect(projected('file.renamed', { ...session, account: 'bob', from: '/a', to: '/b', deltas }).usage).toEqual([
      { spaceId: from, storedBytes: -5, storedFiles: -1 },
      { spaceId: to, storedBytes: 5, storedFiles: 1 },
    ]);
  });

  it('keeps what the catalogue does not know and derives nothing from it', () => {
    const unknown = projected('space.folded', { anything: 1 });
    expect(unknown).toEqual({ event: expect.objectContaining({ type: 'space.folded', data: { anything: 1 } }) });
  });
});
