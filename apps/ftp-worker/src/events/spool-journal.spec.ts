import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import { DomainError, newId, parsePath, type GrantMount, type SessionGrant } from '@quayside/domain';
import { parseEvent, type Envelope } from '@quayside/events';
import type { SessionFact, SessionFacts, TransferFacts } from '@quayside/ftp-engine';
import { EventSpool } from './event-spool.js';
import { SpoolJournal } from './spool-journal.js';
import type { SpoolBegin, SpoolRecord } from './spool-record.js';
import { completedEvent, type UploadIntent } from './upload-intent.js';

const log = { debug: () => undefined, info: () => undefined, warn: () => undefined, error: () => undefined };
const session: SessionFacts = { sessionId: newId(), remoteAddress: '::1', protocol: 'ftp', clientName: 'curl' };
const grant = { tenantId: newId(), accountId: newId(), username: 'bob' } as SessionGrant;
const path = parsePath('/in/a.txt');
const mount = { mountId: newId(), spaceId: newId(), subpath: '/', backend: { kind: 'local', root: 'r' } } as never;

function facts(outcome: TransferFacts['outcome']): TransferFacts {
  return {
    transferId: newId(),
    direction: 'upload',
    verb: 'STOR',
    path,
    bytes: 12,
    fileBytes: 12,
    startedAtMs: 1_000,
    finishedAtMs: 2_000,
    outcome,
    reason: outcome === 'completed' ? null : 'QUOTA',
    sha256: 'ab',
    keptBytes: 5,
    dataTls: false,
  };
}

describe('SpoolJournal', () => {
  let folder: string;
  let spool: EventSpool;
  let journal: SpoolJournal;

  beforeEach(() => {
    folder = mkdtempSync(join(tmpdir(), 'quayside-journal-'));
    spool = new EventSpool({ folder, log, spareBytes: 1 });
    journal = new SpoolJournal({ spool, source: { node: 'node', worker: 'worker' } });
  });
  afterEach(async () => {
    await spool.close();
    rmSync(folder, { recursive: true, force: true });
  });

  async function records(): Promise<SpoolRecord[]> {
    return (await spool.read(spool.drained, 1_000)).records;
  }

  async function events(): Promise<Envelope[]> {
    return (await records()).flatMap((record) =>
      (record.k === 'fact' || record.k === 'end') && record.event !== null ? [record.event] : [],
    );
  }

  function begin() {
    const upload = { transferId: newId(), mount: mount as GrantMount, backendPath: path, path, verb: 'STOR' };
    return journal.beginUpload(session, grant, { ...upload, startedAtMs: 1_000 });
  }

  it('makes a valid catalogue event of every fact', async () => {
    const all: SessionFact[] = [
      { type: 'session.opened' },
      { type: 'session.closed', reason: 'quit', doctor: null, durationMs: 1.5, bytesUp: 1, bytesDown: 2 },
      { type: 'login.succeeded' },
      {
        type: 'login.failed',
        login: 'x'.repeat(5_000),
        error: new DomainError('auth.failed'),
        doctor: { code: 'BAD_CREDENTIAL', hint: 'wrong' },
      },
      { type: 'data.failed', reason: 'TIMEOUT', hint: 'open the ports' },
      { type: 'file.renamed', from: path, to: parsePath('/b'), deltas: [{ spaceId: newId(), bytes: 1, files: 1 }] },
      { type: 'directory.created', path },
      { type: 'directory.removed', path },
      { type: 'file.changed', path, change: 'mode' },
      { type: 'access.refused', verb: 'DELE', path, code: 'access.denied', rule: null },
    ];
    for (const fact of all) journal.record(session, fact.type === 'login.failed' ? null : grant, fact);
    await journal.transferEnded(session, grant, facts('completed'));
    await journal.transferEnded(session, grant, facts('aborted'));
    const made = await events();
    expect(made.map((event) => event.type)).toEqual([
      ...all.map((fact) => fact.type),
      'transfer.completed',
      'transfer.failed',
    ]);
    for (const event of made) expect(parseEvent(event)).toMatchObject({ known: true });
    expect(made[3]).toMatchObject({ tenantId: null, data: { code: 'auth.failed', reason: 'Login incorrect' } });
  });

  it('makes no event that the database cannot take of a name that is not UTF-8', async () => {
    const latin = parsePath('/caf\udce9');
    journal.record(session, grant, { type: 'directory.created', path: latin });
    journal.record(session, grant, { type: 'file.changed', path: latin, change: 'mode' });
    journal.record(session, grant, { type: 'file.renamed', from: latin, to: latin, deltas: [] });
    await journal.transferEnded(session, grant, { ...facts('completed'), path: latin });
    const removal = { mount: mount as GrantMount, backendPath: latin, path: latin, renamedFrom: null, id: newId() };
    await journal.beginRemoval(session, grant, removal).done(40);
    const place = { mount: mount as GrantMount, backendPath: latin, path: latin };
    const move = journal.beginMove(session, grant, { id: newId(), from: place, to: place });
    await move.done({ bytes: 1, files: 1, replacedBytes: null });
    const made = await events();
    expect(made).toHaveLength(6);
    for (const event of made) expect(JSON.stringify(event)).not.toMatch(/\\ud|\p{Cs}/u);
    expect(made[0]!.data).toMatchObject({ path: '/caf\ufffd' });
  });

  it('writes at once what a client is told next, and with it what nobody was told', () => {
    journal.record(session, null, { type: 'session.opened' });
    expect(spool.stats().depth).toBe(0);
    journal.record(session, grant, { type: 'login.succeeded' });
    expect(spool.stats().depth).toBe(2);
    journal.record(session, grant, { type: 'directory.created', path });
    expect(spool.stats().depth).toBe(3);
    const closed = {
      type: 'session.closed',
      reason: 'quit',
      doctor: null,
      durationMs: 1,
      bytesUp: 0,
      bytesDown: 0,
    } as const;
    journal.record(session, grant, closed);
    expect(spool.stats().depth).toBe(3);
  });

  it('hands the deltas of a rename to the ledger', async () => {
    const deltas = [
      { spaceId: newId(), bytes: -9, files: -1 },
      { spaceId: newId(), bytes: 9, files: 1 },
    ];
    journal.record(session, grant, { type: 'file.renamed', from: path, to: path, deltas });
    const [record] = await records();
    expect(record).toMatchObject({ ledger: deltas.map((delta) => ({ ...delta, tenantId: grant.tenantId })) });
  });

  it('records begin, intent and end of an upload, and one event with the id fixed at the begin', async () => {
    const upload = begin();
    await upload.intend({ token: 't', facts: facts('completed'), sync: true });
    await upload.committed({ ...facts('completed'), finishedAtMs: 9_000 }, { spaceId: newId(), bytes: 3, files: 0 });
    const made = await records();
    expect(made.map((record) => record.k)).toEqual(['upload', 'intent', 'end']);
    const [first, intent, end] = made as [SpoolBegin, UploadIntent, SpoolRecord & { readonly k: 'end' }];
    expect(end.event?.id).toBe(first.event.id);
    // A recovery between the two builds the same event.
    expect(completedEvent(first.event, intent)).toEqual({
      ...end.event,
      data: { ...end.event!.data, transferId: first.id, delta: null, finishedAt: new Date(2_000).toISOString() },
    });
    // A replay of the intent must build the same event, so the time is that of the intent.
    expect((await events()).map((event) => [event.type, event.at])).toEqual([
      ['transfer.completed', new Date(2_000).toISOString()],
    ]);
    expect(made[2]).toMatchObject({ ledger: [{ bytes: 3, files: 0, eventId: first.event.id }] });
  });

  it('ends an upload once, whatever is called after', async () => {
    const upload = begin();
    await upload.failed(facts('failed'), null);
    await upload.failed(facts('failed'), null);
    await upload.committed(facts('completed'), { spaceId: newId(), bytes: 1, files: 1 });
    expect((await events()).map((event) => [event.type, event.data['reason'], event.data['keptBytes']])).toEqual([
      ['transfer.failed', 'QUOTA', 5],
    ]);
  });

  it('ends a removal with its event and delta, or with nothing', async () => {
    const removal = { mount: mount as GrantMount, backendPath: path, path, renamedFrom: null };
    await journal.beginRemoval(session, grant, { ...removal, id: newId() }).done(40);
    await journal.beginRemoval(session, grant, { ...removal, id: newId() }).done(null);
    journal.beginRemoval(session, grant, { ...removal, id: newId() }).cancelled();
    await spool.append({ k: 'fact', event: (await events())[0]!, ledger: [] });
    const ends = (await records()).filter((record) => record.k === 'end');
    expect(ends.map((end) => [end.event?.type ?? null, end.ledger.map(({ bytes, files }) => [bytes, files])])).toEqual([
      ['file.deleted', [[-40, -1]]],
      [null, []],
      [null, []],
    ]);
  });

  it('refuses an upload with journal.full when the spool is full', async () => {
    await spool.close();
    spool = new EventSpool({ folder, log, spareBytes: 1, maxBytes: 3_000 });
    journal = new SpoolJournal({ spool, source: { node: 'node', worker: 'worker' } });
    for (let n = 0; n < 10; n++) journal.record(session, grant, { type: 'directory.created', path });
    expect(begin).toThrow(expect.objectContaining({ code: 'journal.full' }));
    await events();
    expect(spool.stats().droppedFacts).toBeGreaterThan(0);
  });
});
