import { z } from 'zod';
import { defineEvent, type EventDefinition } from './define-event.js';
import { envelopeSchema, type Envelope } from './envelope.js';

const count = z.number().int().nonnegative();
const session = { remoteAddress: z.string(), protocol: z.enum(['ftp', 'ftps']), clientName: z.string().nullable() };
const ledgerDelta = z.object({ spaceId: z.uuid(), bytes: z.number().int(), files: z.number().int() });

const transferData = z.object({
  ...session,
  transferId: z.uuid(),
  account: z.string(),
  spaceId: z.uuid().nullable(),
  direction: z.enum(['upload', 'download']),
  verb: z.string(),
  path: z.string(),
  /** Bytes of this transfer. */
  bytes: count,
  /** Whole size of the file after an upload. */
  fileBytes: count.nullable(),
  sha256: z.string().nullable(),
  startedAt: z.iso.datetime(),
  finishedAt: z.iso.datetime(),
  dataTls: z.boolean(),
  /** How the ledger changed; null for downloads and failures. */
  delta: ledgerDelta.nullable(),
});

const transferCompleted = defineEvent({
  type: 'transfer.completed',
  version: 1,
  description: 'A file was stored or sent in full; for uploads the client was told 226.',
  schema: transferData,
  upcasts: {},
});
const transferFailed = defineEvent({
  type: 'transfer.failed',
  version: 1,
  description: 'A transfer ended early; the old file, if any, is untouched.',
  schema: transferData.extend({
    outcome: z.enum(['failed', 'aborted']),
    reason: z.string(),
    /** Staged bytes kept for a resume. */
    keptBytes: count,
  }),
  upcasts: {},
});
const sessionOpened = defineEvent({
  type: 'session.opened',
  version: 1,
  description: 'A control connection was accepted.',
  schema: z.object(session),
  upcasts: {},
});
const sessionClosed = defineEvent({
  type: 'session.closed',
  version: 1,
  description: 'A control connection ended.',
  schema: z.object({
    ...session,
    account: z.string().nullable(),
    reason: z.string(),
    /** The doctor’s code and what support can say; absent where the session ended well. */
    doctor: z.string().optional(),
    hint: z.string().optional(),
    durationMs: count,
    bytesUp: count,
    bytesDown: count,
  }),
  upcasts: {},
});
const loginSucceeded = defineEvent({
  type: 'login.succeeded',
  version: 1,
  description: 'An account logged in.',
  schema: z.object({ ...session, account: z.string() }),
  upcasts: {},
});
const loginFailed = defineEvent({
  type: 'login.failed',
  version: 1,
  description: 'A login was refused; `code` is the true reason, which the client is not told.',
  schema: z.object({
    ...session,
    login: z.string(),
    code: z.string(),
    reason: z.string(),
    doctor: z.string().optional(),
    hint: z.string(),
  }),
  upcasts: {},
});
const dataFailed = defineEvent({
  type: 'data.failed',
  version: 1,
  description: 'A data connection could not be used; `reason` is the doctor’s code and `hint` what support can say.',
  schema: z.object({ ...session, account: z.string().nullable(), reason: z.string(), hint: z.string() }),
  upcasts: {},
});
const fileDeleted = defineEvent({
  type: 'file.deleted',
  version: 1,
  description: 'A file was deleted.',
  schema: z.object({ ...session, account: z.string(), path: z.string(), bytes: count, delta: ledgerDelta }),
  upcasts: {},
});
const fileRenamed = defineEvent({
  type: 'file.renamed',
  version: 1,
  description: 'A file or directory was renamed.',
  schema: z.object({ ...session, account: z.string(), from: z.string(), to: z.string(), deltas: z.array(ledgerDelta) }),
  upcasts: {},
});
const fileChanged = defineEvent({
  type: 'file.changed',
  version: 1,
  description: 'The time or mode of a file was set.',
  schema: z.object({ ...session, account: z.string(), path: z.string(), change: z.enum(['mtime', 'mode']) }),
  upcasts: {},
});
const directoryCreated = defineEvent({
  type: 'directory.created',
  version: 1,
  description: 'A directory was created.',
  schema: z.object({ ...session, account: z.string(), path: z.string() }),
  upcasts: {},
});
const directoryRemoved = defineEvent({
  type: 'directory.removed',
  version: 1,
  description: 'A directory was removed.',
  schema: z.object({ ...session, account: z.string(), path: z.string() }),
  upcasts: {},
});
const accessRefused = defineEvent({
  type: 'access.refused',
  version: 1,
  description: 'A command was refused by permission, policy or quota.',
  schema: z.object({
    ...session,
    account: z.string().nullable(),
    verb: z.string(),
    path: z.string(),
    code: z.string(),
    rule: z.string().nullable(),
  }),
  upcasts: {},
});
const spaceRemoved = defineEvent({
  type: 'space.removed',
  version: 1,
  description: 'The files of a removed space are gone from the storage, and with them what it held.',
  schema: z.object({ delta: ledgerDelta }),
  upcasts: {},
});
const treeSize = z.object({ bytes: z.int(), files: z.int() });
const spaceRecounted = defineEvent({
  type: 'space.recounted',
  version: 1,
  description: 'A recount found that the ledger of a space and its files differ, and may have repaired the ledger.',
  schema: z.object({
    recountId: z.string(),
    spaceId: z.string(),
    ledger: treeSize,
    stored: treeSize,
    repaired: z.boolean(),
  }),
  upcasts: {},
});
const adminChanged = defineEvent({
  type: 'admin.changed',
  version: 1,
  description: 'Something was changed through the API.',
  schema: z.object({ action: z.string(), resource: z.string(), resourceId: z.string(), actor: z.string() }),
  upcasts: {},
});

/** THE table of events; `docs/events.md` is generated from it. */
export const EVENT_CATALOG = {
  'session.opened': sessionOpened,
  'session.closed': sessionClosed,
  'login.succeeded': loginSucceeded,
  'login.failed': loginFailed,
  'data.failed': dataFailed,
  'transfer.completed': transferCompleted,
  'transfer.failed': transferFailed,
  'file.deleted': fileDeleted,
  'file.renamed': fileRenamed,
  'file.changed': fileChanged,
  'directory.created': directoryCreated,
  'directory.removed': directoryRemoved,
  'access.refused': accessRefused,
  'space.removed': spaceRemoved,
  'space.recounted': spaceRecounted,
  'admin.changed': adminChanged,
} as const satisfies Record<string, EventDefinition>;

export type EventType = keyof typeof EVENT_CATALOG;
export type EventData<T extends EventType> = z.infer<(typeof EVENT_CATALOG)[T]['schema']>;
/** An event of the catalogue, valid and at its present version. */
export type CatalogEvent = {
  [T in EventType]: Omit<Envelope, 'type' | 'data'> & { readonly type: T; readonly data: EventData<T> };
}[EventType];

export type ParsedEvent =
  | { readonly known: true; readonly event: CatalogEvent }
  /** A type or version we do not know, or data that does not fit: kept in the log as it is, projected nowhere. */
  | { readonly known: false; readonly envelope: Envelope; readonly reason: string };

/** Validate an event and bring it to its present version. Throws ZodError only where the envelope itself is broken. */
export function parseEvent(input: unknown): ParsedEvent {
  const envelope = envelopeSchema.parse(input);
  if (!Object.hasOwn(EVENT_CATALOG, envelope.type)) return { known: false, envelope, reason: 'unknown type' };
  const definition: EventDefinition = EVENT_CATALOG[envelope.type as EventType];
  let { v, data } = envelope;
  if (v > definition.version) return { known: false, envelope, reason: `version ${v} is newer than this consumer` };
  while (v < definition.version) {
    const upcast = definition.upcasts[v];
    if (upcast === undefined) return { known: false, envelope, reason: `no way from version ${v} on` };
    data = upcast(data);
    v++;
  }
  const parsed = definition.schema.safeParse(data);
  if (!parsed.success) return { known: false, envelope, reason: z.prettifyError(parsed.error) };
  return { known: true, event: { ...envelope, v, data: parsed.data } as CatalogEvent };
}
