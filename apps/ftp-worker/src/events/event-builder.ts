import { newId, type SessionGrant } from '@quayside/domain';
import { EVENT_CATALOG, type Envelope, type EventData, type EventType } from '@quayside/events';
import type { LedgerDelta, SessionFacts, TransferFacts } from '@quayside/ftp-engine';
import type { SpoolLedgerEntry } from './spool-record.js';

/** The node and worker whose events these are. */
export interface EventSource {
  readonly node: string;
  readonly worker: string;
}

/** The times of one event, and of what happens in the same millisecond, are mostly one. */
let lastTime = { ms: 0, text: new Date(0).toISOString() };

export function isoTime(ms: number): string {
  if (ms !== lastTime.ms) lastTime = { ms, text: new Date(ms).toISOString() };
  return lastTime.text;
}

/** One catalogue event at its present version. */
export function anEvent<T extends EventType>(
  source: EventSource,
  type: T,
  data: EventData<T>,
  about: {
    readonly session: SessionFacts;
    readonly grant: { readonly tenantId: string | null; readonly accountId: string | null } | null;
    readonly atMs: number;
    readonly id?: string;
  },
): Envelope {
  return {
    id: about.id ?? newId(),
    type,
    v: EVENT_CATALOG[type].version,
    at: isoTime(about.atMs),
    tenantId: about.grant?.tenantId ?? null,
    accountId: about.grant?.accountId ?? null,
    sessionId: about.session.sessionId,
    node: source.node,
    worker: source.worker,
    data,
  };
}

/** Names that are not UTF-8 hold halves of surrogate pairs; PostgreSQL's JSON takes neither those nor NUL. */
export function printable(text: string): string {
  return UNPRINTABLE.test(text) ? text.replaceAll(new RegExp(UNPRINTABLE, 'gu'), '\ufffd') : text;
}

// oxlint-disable-next-line no-control-regex -- NUL is what is asked for
const UNPRINTABLE = /[\0\p{Cs}]/u;

/** The part of every event's data that tells the session. */
export function sessionData(session: SessionFacts) {
  const { remoteAddress, protocol, clientName } = session;
  return { remoteAddress, protocol, clientName };
}

export function transferEvent(
  source: EventSource,
  session: SessionFacts,
  grant: SessionGrant,
  facts: TransferFacts,
  about: {
    readonly id?: string;
    readonly atMs?: number;
    /** Instead of that of the facts. */
    readonly outcome?: TransferFacts['outcome'];
    readonly spaceId: string | null;
    readonly delta: LedgerDelta | null;
  },
): Envelope {
  const whom = { session, grant, atMs: about.atMs ?? facts.finishedAtMs, id: about.id };
  // Written out: an object that is put together of others costs several times as much, and every transfer makes one.
  const data: EventData<'transfer.completed'> & Partial<EventData<'transfer.failed'>> = {
    remoteAddress: session.remoteAddress,
    protocol: session.protocol,
    clientName: session.clientName,
    transferId: facts.transferId,
    account: grant.username,
    spaceId: about.spaceId,
    direction: facts.direction,
    verb: facts.verb,
    path: printable(facts.path),
    bytes: facts.bytes,
    fileBytes: facts.fileBytes,
    sha256: facts.sha256,
    startedAt: isoTime(facts.startedAtMs),
    finishedAt: isoTime(facts.finishedAtMs),
    dataTls: facts.dataTls,
    delta: about.delta,
  };
  const outcome = about.outcome ?? facts.outcome;
  if (outcome === 'completed') return anEvent(source, 'transfer.completed', data, whom);
  data.outcome = outcome;
  data.reason = facts.reason ?? 'UNKNOWN';
  data.keptBytes = facts.keptBytes;
  return anEvent(source, 'transfer.failed', data as EventData<'transfer.failed'>, whom);
}

/** The ledger's side of an event. */
export function ledgerEntry(
  event: { readonly id: string; readonly tenantId: string | null; readonly accountId: string | null },
  delta: LedgerDelta,
  transferId: string | null,
): SpoolLedgerEntry {
  if (event.tenantId === null || event.accountId === null) throw new Error('A ledger change belongs to an account');
  return {
    eventId: event.id,
    spaceId: delta.spaceId,
    tenantId: event.tenantId,
    accountId: event.accountId,
    bytes: delta.bytes,
    files: delta.files,
    transferId,
  };
}

/** How a move changes the ledgers of the two spaces, which may be one. */
export function moveDeltas(
  from: { readonly spaceId: string },
  to: { readonly spaceId: string },
  {
    bytes,
    files,
    replacedBytes,
  }: { readonly bytes: number; readonly files: number; readonly replacedBytes: number | null },
): LedgerDelta[] {
  const replaced = { bytes: replacedBytes ?? 0, files: replacedBytes === null ? 0 : 1 };
  if (from.spaceId === to.spaceId) {
    return replacedBytes === null ? [] : [{ spaceId: to.spaceId, bytes: 0 - replaced.bytes, files: -1 }];
  }
  return [
    { spaceId: from.spaceId, bytes: 0 - bytes, files: 0 - files },
    { spaceId: to.spaceId, bytes: bytes - replaced.bytes, files: files - replaced.files },
  ];
}

/** The ledger's side of a move; its lease is that of the space that it goes into. */
export function moveEntries(
  event: Parameters<typeof ledgerEntry>[0],
  deltas: readonly LedgerDelta[],
  move: { readonly id: string; readonly to: { readonly spaceId: string } },
): SpoolLedgerEntry[] {
  return deltas.map((delta) => ledgerEntry(event, delta, delta.spaceId === move.to.spaceId ? move.id : null));
}
