import { ERROR_CATALOG, type GrantMount, type SessionGrant, type VirtualPath } from '@quayside/domain';
import type { Envelope, EventData } from '@quayside/events';
import type {
  Journal,
  LedgerDelta,
  Move,
  MoveRecord,
  Removal,
  RemovalRecord,
  SessionFact,
  SessionFacts,
  TransferFacts,
  UploadBegin,
  UploadRecord,
} from '@quayside/ftp-engine';
import {
  anEvent,
  isoTime,
  ledgerEntry,
  moveDeltas,
  moveEntries,
  printable,
  sessionData,
  transferEvent,
  type EventSource,
} from './event-builder.js';
import { LoginRefused } from '../auth/login-refused.js';
import type { EventSpool } from './event-spool.js';
import type { SpoolLedgerEntry, SpoolPlace } from './spool-record.js';
import { completionOf } from './upload-intent.js';

export interface SpoolJournalOptions {
  readonly spool: EventSpool;
  readonly source: EventSource;
  readonly nowMs?: () => number;
}

/** Why an upload failed whose worker died. */
export const WORKER_LOST = 'WORKER_LOST';

/**
 * The engine's Journal over the spool: facts become catalogue events, and every upload and removal is recorded before
 * and after, so that a later process can tell what became of it (SEMANTICS §2, commit order).
 */
export class SpoolJournal implements Journal {
  private readonly spool: EventSpool;
  private readonly source: EventSource;
  private readonly nowMs: () => number;

  constructor(options: SpoolJournalOptions) {
    this.spool = options.spool;
    this.source = options.source;
    this.nowMs = options.nowMs ?? Date.now;
  }

  beginUpload(session: SessionFacts, grant: SessionGrant, upload: UploadBegin): UploadRecord {
    const lost: TransferFacts = {
      transferId: upload.transferId,
      direction: 'upload',
      verb: upload.verb,
      path: upload.path,
      bytes: 0,
      fileBytes: null,
      startedAtMs: upload.startedAtMs,
      finishedAtMs: upload.startedAtMs,
      outcome: 'failed',
      reason: WORKER_LOST,
      sha256: null,
      keptBytes: 0,
      dataTls: session.protocol === 'ftps',
    };
    const spaceId = upload.mount.spaceId;
    const event = transferEvent(this.source, session, grant, lost, { spaceId, delta: null });
    this.spool.begin({
      k: 'upload',
      id: upload.transferId,
      place: placeOf(upload.mount, upload.backendPath),
      accountId: grant.accountId,
      event,
    });
    return new SpooledUpload(this.spool, upload.transferId, (facts, outcome, atMs, delta) =>
      transferEvent(this.source, session, grant, facts, { id: event.id, atMs, outcome, spaceId, delta }),
    );
  }

  transferEnded(session: SessionFacts, grant: SessionGrant, facts: TransferFacts): Promise<void> {
    const event = transferEvent(this.source, session, grant, facts, { spaceId: null, delta: null });
    return this.spool.append({ k: 'fact', event, ledger: [] });
  }

  beginRemoval(session: SessionFacts, grant: SessionGrant, removal: Removal): RemovalRecord {
    const { spaceId } = removal.mount;
    // Settled here, because a recovery must build the same event that may have been sent already.
    const atMs = this.nowMs();
    const build = (bytes: number, id?: string): Envelope =>
      anEvent(
        this.source,
        'file.deleted',
        {
          ...sessionData(session),
          account: grant.username,
          path: printable(removal.path),
          bytes,
          delta: { spaceId, bytes: 0 - bytes, files: -1 },
        },
        { session, grant, atMs, id },
      );
    const event = build(0);
    this.spool.begin({
      k: 'removal',
      id: removal.id,
      place: placeOf(removal.mount, removal.backendPath),
      accountId: grant.accountId,
      event,
    });
    const cancel = (): Promise<void> => this.spool.append({ k: 'end', id: removal.id, event: null, ledger: [] });
    return {
      done: async (removedBytes) => {
        if (removedBytes === null) return cancel();
        const done = build(removedBytes, event.id);
        const delta = { spaceId, bytes: 0 - removedBytes, files: -1 };
        return this.spool.append({
          k: 'end',
          id: removal.id,
          event: done,
          ledger: [ledgerEntry(done, delta, null)],
        });
      },
      // Where even this cannot be written, recovery finds nothing detached and closes the record.
      cancelled: () => void cancel().catch(() => undefined),
    };
  }

  beginMove(session: SessionFacts, grant: SessionGrant, move: Move): MoveRecord {
    const { id } = move;
    const [from, to] = [move.from.mount, move.to.mount];
    const build = (deltas: LedgerDelta[], eventId?: string): Envelope =>
      anEvent(
        this.source,
        'file.renamed',
        {
          ...sessionData(session),
          account: grant.username,
          from: printable(move.from.path),
          to: printable(move.to.path),
          deltas,
        },
        { session, grant, atMs: this.nowMs(), id: eventId },
      );
    const event = build([]);
    this.spool.begin({
      k: 'move',
      id,
      place: placeOf(from, move.from.backendPath),
      to: placeOf(to, move.to.backendPath),
      accountId: grant.accountId,
      event,
    });
    return {
      done: (moved) => {
        const deltas = moveDeltas(from, to, moved);
        const done = build(deltas, event.id);
        return this.spool.append({ k: 'end', id, event: done, ledger: moveEntries(done, deltas, { id, to }) });
      },
      cancelled: () => void this.spool.append({ k: 'end', id, event: null, ledger: [] }).catch(() => undefined),
    };
  }

  record(session: SessionFacts, grant: SessionGrant | null, fact: SessionFact): void {
    const event = this.factEvent(session, grant, fact);
    const ledger: SpoolLedgerEntry[] =
      fact.type === 'file.renamed' ? fact.deltas.map((delta) => ledgerEntry(event, delta, null)) : [];
    if (fact.type === 'session.opened' || fact.type === 'session.closed')
      this.spool.mention({ k: 'fact', event, ledger });
    else this.spool.note({ k: 'fact', event, ledger });
  }

  private factEvent(session: SessionFacts, grant: SessionGrant | null, fact: SessionFact): Envelope {
    const whom = { session, grant, atMs: this.nowMs() };
    const who = sessionData(session);
    const account = grant?.username ?? null;
    // Facts of files exist only after login; an empty name would be a fault of the caller that still must be logged.
    const named = account ?? '';
    switch (fact.type) {
      // Those of every session are written out like those of transfers.
      case 'session.opened':
        return anEvent(this.source, fact.type, who, whom);
      case 'session.closed': {
        const data: EventData<'session.closed'> = {
          remoteAddress: who.remoteAddress,
          protocol: who.protocol,
          clientName: who.clientName,
          account,
          reason: fact.reason,
          durationMs: Math.max(0, Math.round(fact.durationMs)),
          bytesUp: fact.bytesUp,
          bytesDown: fact.bytesDown,
        };
        if (fact.doctor !== null) {
          data.doctor = fact.doctor.code;
          data.hint = fact.doctor.hint;
        }
        return anEvent(this.source, fact.type, data, whom);
      }
      case 'login.succeeded': {
        const { remoteAddress, protocol, clientName } = who;
        return anEvent(this.source, fact.type, { remoteAddress, protocol, clientName, account: named }, whom);
      }
      case 'login.failed': {
        const { code, detail } = fact.error;
        const { title } = ERROR_CATALOG[code];
        return anEvent(
          this.source,
          fact.type,
          {
            ...who,
            login: printable(fact.login.slice(0, 256)),
            code,
            reason: detail ?? title,
            doctor: fact.doctor.code,
            hint: fact.doctor.hint,
          },
          { ...whom, grant: fact.error instanceof LoginRefused ? fact.error : null },
        );
      }
      case 'data.failed':
        return anEvent(this.source, fact.type, { ...who, account, reason: fact.reason, hint: fact.hint }, whom);
      case 'file.renamed': {
        const [from, to] = [printable(fact.from), printable(fact.to)];
        return anEvent(this.source, fact.type, { ...who, account: named, from, to, deltas: [...fact.deltas] }, whom);
      }
      case 'directory.created':
      case 'directory.removed':
        return anEvent(this.source, fact.type, { ...who, account: named, path: printable(fact.path) }, whom);
      case 'file.changed':
        return anEvent(
          this.source,
          fact.type,
          { ...who, account: named, path: printable(fact.path), change: fact.change },
          whom,
        );
      case 'access.refused':
        break;
    }
    const { verb, path, code, rule } = fact;
    return anEvent(this.source, fact.type, { ...who, account, verb, path: printable(path), code, rule }, whom);
  }
}

type BuildEvent = (
  facts: TransferFacts,
  outcome: TransferFacts['outcome'],
  atMs: number,
  delta: LedgerDelta | null,
) => Envelope;

/** One upload's records: exactly one end, whatever is called how often. */
class SpooledUpload implements UploadRecord {
  private ended = false;
  private intendedAtMs: number | null = null;

  constructor(
    private readonly spool: EventSpool,
    private readonly transferId: string,
    private readonly event: BuildEvent,
  ) {}

  intend(sealed: { readonly token: string; readonly facts: TransferFacts; readonly sync: boolean }): Promise<void> {
    // The event's time is settled here, because a replay must build the same event that may have been sent already.
    this.intendedAtMs = sealed.facts.finishedAtMs;
    const completed = completionOf(sealed.facts, isoTime(this.intendedAtMs));
    return this.spool.append(
      { k: 'intent', id: this.transferId, token: sealed.token, completed },
      { sync: sealed.sync },
    );
  }

  committed(facts: TransferFacts, delta: LedgerDelta): Promise<void> {
    if (this.ended) return Promise.resolve();
    this.ended = true;
    const event = this.event(facts, 'completed', this.intendedAtMs ?? facts.finishedAtMs, delta);
    return this.spool.append({
      k: 'end',
      id: this.transferId,
      event,
      ledger: [ledgerEntry(event, delta, this.transferId)],
    });
  }

  failed(facts: TransferFacts, delta: LedgerDelta | null): Promise<void> {
    // After `committed` the name is switched: even where that could not be recorded, the upload did not fail.
    if (this.ended) return Promise.resolve();
    this.ended = true;
    const outcome = facts.outcome === 'completed' ? 'failed' : facts.outcome;
    const event = this.event(facts, outcome, facts.finishedAtMs, delta);
    const ledger = delta === null ? [] : [ledgerEntry(event, delta, this.transferId)];
    return this.spool.append({ k: 'end', id: this.transferId, event, ledger });
  }
}

function placeOf(mount: GrantMount, path: VirtualPath): SpoolPlace {
  return { mountId: mount.mountId, spaceId: mount.spaceId, subpath: mount.subpath, backend: mount.backend, path };
}
