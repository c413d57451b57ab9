import { DomainError, type GrantMount, type SessionGrant, type VirtualPath } from '@quayside/domain';
import type { StorageBackend } from '@quayside/storage';

/** One attempt to log in, as the control connection saw it. */
export interface LoginAttempt {
  readonly sessionId: string;
  /** What the client sent with USER, unchanged. */
  readonly login: string;
  readonly password: string;
  /** Tenant slug or domain named by HOST or SNI; null where neither did. */
  readonly hostTenant: string | null;
  readonly remoteAddress: string;
  readonly tls: boolean;
  readonly implicitTls: boolean;
  /** `TLSv1.3` and the standard cipher name; null in clear. */
  readonly tlsVersion: string | null;
  readonly tlsCipher: string | null;
  /** Names in the client's certificate that the listener verified (CN, e-mail SANs); null where none was shown or stood. */
  readonly certificateNames: readonly string[] | null;
  readonly signal: AbortSignal;
}

/** A refused login whose reply is held back: attempts of one client cost it more and more time, on any connection. */
export class LoginRefusal extends DomainError {
  constructor(
    error: DomainError,
    /** From the begin of the attempt to the reply, ms. */
    readonly holdMs: number,
  ) {
    super(error.code, { detail: error.detail, cause: error.cause });
  }
}

/** Who is it, and what may they do. Throws DomainError (`auth.failed`, `auth.throttled`, `session.limit`, `auth.busy`, …). */
export interface Authenticator {
  authenticate(attempt: LoginAttempt): Promise<SessionGrant>;
  /** Asked at USER where a certificate was verified: who may come in without a password; null asks for one. Throws likewise. */
  authenticateByCertificate?(attempt: Omit<LoginAttempt, 'password'>): Promise<SessionGrant | null>;
}

/** Finds the backend of a mount, rooted at its subpath; cached by the host. */
export interface StorageResolver {
  backendFor(mount: GrantMount): StorageBackend;
}

/** What an upload asks of the quota before its 150. */
export interface QuotaAsk {
  readonly grant: SessionGrant;
  readonly mount: GrantMount;
  /** In the account's view. */
  readonly path: VirtualPath;
  readonly transferId: string;
  /** Bytes that the committed file at the name has now; credited at commit. 0 where the name is free. */
  readonly replacesBytes: number;
  /** Whether the commit adds a file to the count. */
  readonly newFile: boolean;
  /** Bytes of the staged file before the first byte of this transfer (resume, append). */
  readonly startBytes: number;
  /** The kept partial that this upload continues: its lease moves over. Null where it continues none. */
  readonly partialTransferId: string | null;
  /** Staged bytes of that partial; 0 without one. */
  readonly partialBytes: number;
  /** What the client declared by ALLO; null where it did not. */
  readonly declaredBytes: number | null;
  readonly signal: AbortSignal;
}

/** A growing reservation for one upload. */
export interface QuotaLease {
  /** Total file size in bytes that is covered now; the upload may write up to it without asking. */
  readonly coveredBytes: number;
  /**
   * Cover `totalBytes`, of which `neededBytes` (all by default) are needed now. Resolves to the size that is covered
   * then: less than needed means that the quota ends there. Call it ahead of need; throws DomainError only when the
   * answer cannot be had (`database.unavailable`). `signal` ends its waits; a question that is under way is still answered
   * first, so that nothing is reserved after it has settled.
   */
  extend(totalBytes: number, neededBytes?: number, signal?: AbortSignal): Promise<number>;
  /**
   * Whether the reservation covers a commit of `totalBytes` onto a name that holds `replacedBytes` now (null: it is
   * free). The file at the name may have shrunk or gone since `open`, and then the commit takes more than was asked for.
   */
  covers(totalBytes: number, replacedBytes: number | null): boolean;
  /** Make it cover that; false where the quota has no room. */
  retarget(totalBytes: number, replacedBytes: number | null): Promise<boolean>;
  /**
   * The upload failed; `keptBytes` stay reserved for the partial, the rest goes back. Resolves to the bytes that are
   * covered: where they are fewer than asked, the partial must go. `as` names the partial where it is the one that this
   * upload meant to continue. Never throws.
   */
  release(keptBytes: number, as?: string): Promise<number>;
  /** The upload committed: hand the reservation over to the ledger entry of this transfer. Never throws, never waits. */
  settled(): void;
}

/** What a rename takes from one space into another. */
export interface MoveAsk {
  readonly grant: SessionGrant;
  readonly moveId: string;
  readonly from: GrantMount;
  /** Path in the backend of `from`, where a folder moves; null for a file. */
  readonly folder: VirtualPath | null;
  readonly to: GrantMount;
  /** How the target space grows: what comes, less what it replaces. */
  readonly bytes: number;
  readonly files: number;
}

/** Room for one move. */
export interface MoveLease {
  /** The move did not happen. Never throws; once it did, the ledger entry of its id ends the lease. */
  release(): Promise<void>;
}

/** Exact space accounting. `open` throws `quota.exceeded`, `quota.file-too-large`, `storage.full`, `database.unavailable`. */
export interface QuotaGate {
  open(ask: QuotaAsk): Promise<QuotaLease>;
  /** Before a rename takes something into another space. Throws `quota.exceeded`, `path.busy`, `database.unavailable`. */
  openMove(ask: MoveAsk): Promise<MoveLease>;
  /** A kept partial was dropped: its reservation goes back. Never throws. */
  dropped(partialTransferId: string): Promise<void>;
  /** What is left for new bytes and files (AVBL, SITE QUOTA); null where there is no limit. */
  remaining(grant: SessionGrant, mount: GrantMount): Promise<Remaining>;
}

/** Counts and paces one transfer beyond what its session knows: rates shared by an account or a tenant, monthly traffic. */
export interface TransferMeter {
  /** Neither paces nor counts it at present. */
  readonly isFree: boolean;
  /** `bytes` were moved; the ms to wait before more may be (Infinity: until a limit changes). Throws `quota.traffic`. */
  take(bytes: number, nowMs: number): number;
  /** How long to wait as things stand now; throws like `take`. */
  waitMs(nowMs: number): number;
  /** The transfer is over. Never throws. */
  close(): void;
}

export interface TransferMetering {
  /** Before the 150; null where nothing is shared and nothing counted. Throws `quota.traffic`, `database.unavailable`. */
  open(transfer: {
    readonly sessionId: string;
    readonly transferId: string;
    readonly direction: 'up' | 'down';
    /** The grant as it is now: it may be replaced while the transfer runs. */
    readonly grant: () => SessionGrant;
  }): Promise<TransferMeter | null>;
}

export interface Remaining {
  readonly bytes: number | null;
  readonly files: number | null;
  readonly limitBytes: number | null;
  readonly limitFiles: number | null;
  readonly usedBytes: number;
  readonly usedFiles: number;
}

/** The session part of every fact. */
export interface SessionFacts {
  readonly sessionId: string;
  readonly remoteAddress: string;
  readonly protocol: 'ftp' | 'ftps';
  readonly clientName: string | null;
}

export type TransferOutcome = 'completed' | 'failed' | 'aborted';

/** A transfer as the log will show it. */
export interface TransferFacts {
  readonly transferId: string;
  readonly direction: 'upload' | 'download';
  readonly verb: string;
  readonly path: VirtualPath;
  /** Bytes that crossed the wire in this transfer (after ASCII conversion: as stored). */
  readonly bytes: number;
  /** Whole size of the file after an upload; null for downloads and failures. */
  readonly fileBytes: number | null;
  readonly startedAtMs: number;
  readonly finishedAtMs: number;
  readonly outcome: TransferOutcome;
  /** Doctor's reason code where the outcome is not `completed`, e.g. `CLIENT_ABORT`, `QUOTA`, `STALLED`. */
  readonly reason: string | null;
  readonly sha256: string | null;
  /** Bytes kept for a resume after a failed upload. */
  readonly keptBytes: number;
  readonly dataTls: boolean;
}

/** How the ledger of a space changes with a fact. */
export interface LedgerDelta {
  readonly spaceId: string;
  readonly bytes: number;
  readonly files: number;
}

/** Everything else that happens in a session and is worth an event. Names are the catalogue's event types. */
export type SessionFact =
  | { readonly type: 'session.opened' }
  | {
      readonly type: 'session.closed';
      readonly reason: string;
      /** The doctor's code and hint; null for a session that ended well. */
      readonly doctor: { readonly code: string; readonly hint: string } | null;
      readonly durationMs: number;
      readonly bytesUp: number;
      readonly bytesDown: number;
    }
  | { readonly type: 'login.succeeded' }
  | {
      readonly type: 'login.failed';
      readonly login: string;
      readonly error: DomainError;
      /** The doctor's, never told to the client. */
      readonly doctor: { readonly code: string; readonly hint: string };
    }
  | { readonly type: 'data.failed'; readonly reason: string; readonly hint: string }
  | {
      readonly type: 'file.renamed';
      readonly from: VirtualPath;
      readonly to: VirtualPath;
      readonly deltas: readonly LedgerDelta[];
    }
  | { readonly type: 'directory.created'; readonly path: VirtualPath }
  | { readonly type: 'directory.removed'; readonly path: VirtualPath }
  | { readonly type: 'file.changed'; readonly path: VirtualPath; readonly change: 'mtime' | 'mode' }
  | {
      readonly type: 'access.refused';
      readonly verb: string;
      readonly path: VirtualPath;
      readonly code: string;
      readonly rule: string | null;
    };

/**
 * Where promises are kept (SEMANTICS §2): the host appends to a durable spool before the client's reply.
 * `begin…` methods throw DomainError `journal.full` when nothing can be recorded (451).
 */
export interface Journal {
  /** Before the 150 of an upload. */
  beginUpload(session: SessionFacts, grant: SessionGrant, upload: UploadBegin): UploadRecord;
  /** After a download, or an upload that was refused before `beginUpload`. */
  transferEnded(session: SessionFacts, grant: SessionGrant, facts: TransferFacts): Promise<void>;
  /** Before a file leaves the tree: DELE, or RNTO onto an existing file. Appended before the backend is asked. */
  beginRemoval(session: SessionFacts, grant: SessionGrant, removal: Removal): RemovalRecord;
  /** Before RNTO takes something out of one mount and into another. Appended before the backend is asked. */
  beginMove(session: SessionFacts, grant: SessionGrant, move: Move): MoveRecord;
  /** Any other fact; never throws, never waits. `grant` is null before login. */
  record(session: SessionFacts, grant: SessionGrant | null, fact: SessionFact): void;
}

export interface UploadBegin {
  readonly transferId: string;
  readonly mount: GrantMount;
  /** Path in the mount's backend, and in the account's view. */
  readonly backendPath: VirtualPath;
  readonly path: VirtualPath;
  readonly verb: string;
  readonly startedAtMs: number;
}

export interface Removal {
  /** Names the detached bytes: the `id` of `StorageBackend.detach` and `rename`. */
  readonly id: string;
  readonly mount: GrantMount;
  readonly backendPath: VirtualPath;
  /** Path in the account's view that loses its content. */
  readonly path: VirtualPath;
  /** For RNTO: the path that was renamed onto it. */
  readonly renamedFrom: VirtualPath | null;
}

export interface RemovalRecord {
  /** The file is detached (`removedBytes`), or, for RNTO, the name was free after all (null). Then the client may be told. */
  done(removedBytes: number | null): Promise<void>;
  /** Nothing happened. */
  cancelled(): void;
}

/** One end of a move. */
export interface MoveEnd {
  readonly mount: GrantMount;
  /** Path in the mount's backend, and in the account's view. */
  readonly backendPath: VirtualPath;
  readonly path: VirtualPath;
}

export interface Move {
  /** The `id` of `StorageBackend.moveInto`, and of the lease in the target space. */
  readonly id: string;
  readonly from: MoveEnd;
  readonly to: MoveEnd;
}

export interface MoveRecord {
  /** It happened: both ledgers change with its one event. Then the client may be told. */
  done(moved: { readonly bytes: number; readonly files: number; readonly replacedBytes: number | null }): Promise<void>;
  /** Nothing happened. */
  cancelled(): void;
}

export interface UploadRecord {
  /** The commit record, written ahead: on disk (with `sync`: fdatasync) when it resolves. */
  intend(sealed: { readonly token: string; readonly facts: TransferFacts; readonly sync: boolean }): Promise<void>;
  /** The name is switched: delta and event are settled. After it resolves the client may be told 226. */
  committed(facts: TransferFacts, delta: LedgerDelta): Promise<void>;
  /**
   * The upload failed; its event is recorded. `delta` is how the tree changed all the same (upload mode `direct`), null
   * where it did not.
   */
  failed(facts: TransferFacts, delta: LedgerDelta | null): Promise<void>;
}

/** Structured log of the engine; `fields` never hold secrets. */
export interface Log {
  debug(message: string, fields?: Record<string, unknown>): void;
  info(message: string, fields?: Record<string, unknown>): void;
  warn(message: string, fields?: Record<string, unknown>): void;
  error(message: string, fields?: Record<string, unknown>): void;
}

/** Everything the engine asks of its host. */
export interface EnginePorts {
  readonly authenticator: Authenticator;
  readonly storage: StorageResolver;
  readonly quota: QuotaGate;
  readonly journal: Journal;
  readonly log: Log;
  /** None where the host shares no rates and counts no traffic. */
  readonly metering?: TransferMetering;
  /** Tenant named by HOST or SNI: its slug and certificate, or null where nobody has that name. */
  readonly tenants: TenantDirectory;
}

export interface TenantDirectory {
  /** Resolves within a second; null for unknown or disabled hosts. */
  find(host: string): Promise<TenantHost | null>;
  /**
   * Whether some host may have a certificate of its own. Where none has, the server name is looked up after the
   * handshake instead of before it.
   */
  haveCertificates(): boolean;
}

export interface TenantHost {
  readonly slug: string;
  readonly welcome: string | null;
  /** PEM pair of the domain; null where the listener's own certificate serves it. */
  readonly certificate: { readonly cert: string; readonly key: string } | null;
}
