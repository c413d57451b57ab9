import { setTimeout as sleep } from 'node:timers/promises';
import {
  ALL_PERMISSIONS,
  DomainError,
  type GrantMount,
  newId,
  OPEN_POLICY,
  ROOT,
  type SessionGrant,
} from '@quayside/domain';
import type {
  EnginePorts,
  Journal,
  LedgerDelta,
  Log,
  LoginAttempt,
  Move,
  MoveAsk,
  MoveLease,
  MoveRecord,
  QuotaAsk,
  QuotaGate,
  Remaining,
  SessionFact,
  SessionFacts,
  TenantHost,
  TransferFacts,
  UploadBegin,
} from '@quayside/ftp-engine';
import { MemoryBackend, type StorageBackend } from '@quayside/storage';

/** A mount at `/` of a space of its own, with every permission. */
export function aMount(overrides: Partial<GrantMount> = {}): GrantMount {
  return {
    mountId: newId(),
    spaceId: newId(),
    path: ROOT,
    subpath: ROOT,
    permissions: ALL_PERMISSIONS,
    backend: { kind: 'local', root: 'test' },
    ...overrides,
  };
}

/** What `bob@acme` gets, with one mount and the open policy. */
export function aGrant(overrides: Partial<SessionGrant> = {}): SessionGrant {
  const username = overrides.username ?? 'bob';
  return {
    tenantId: newId(),
    tenantSlug: 'acme',
    accountId: newId(),
    username,
    login: `${username}@acme`,
    credentialId: newId(),
    version: '1',
    status: 'active',
    statusText: null,
    mounts: [aMount()],
    policy: OPEN_POLICY,
    ...overrides,
  };
}

/** Password of every fake account that is added without one. */
export const TEST_PASSWORD = 'secret';

/** One entry of the recording journal. */
export type JournalEntry =
  | {
      readonly kind: 'fact';
      readonly session: SessionFacts;
      readonly grant: SessionGrant | null;
      readonly fact: SessionFact;
    }
  | { readonly kind: 'upload.began'; readonly upload: UploadBegin }
  | { readonly kind: 'upload.intended'; readonly facts: TransferFacts; readonly token: string; readonly sync: boolean }
  | { readonly kind: 'upload.committed'; readonly facts: TransferFacts; readonly delta: LedgerDelta }
  | { readonly kind: 'upload.failed'; readonly facts: TransferFacts }
  | { readonly kind: 'transfer.ended'; readonly facts: TransferFacts }
  | { readonly kind: 'removal.began'; readonly path: string }
  | { readonly kind: 'removal.done'; readonly path: string; readonly bytes: number | null }
  | { readonly kind: 'removal.cancelled'; readonly path: string }
  | { readonly kind: 'move.began'; readonly from: string; readonly to: string }
  | {
      readonly kind: 'move.done';
      readonly bytes: number;
      readonly files: number;
      readonly replacedBytes: number | null;
    }
  | { readonly kind: 'move.cancelled' };

/** Keeps what the engine records, in order. */
export class RecordingJournal implements Journal {
  readonly entries: JournalEntry[] = [];
  /** Make `beginUpload` and `beginRemoval` refuse, as a full spool does. */
  full = false;
  /** Runs before the failure of an upload is on record. */
  onUploadFailed: () => Promise<void> = async () => {};

  beginUpload(_session: SessionFacts, _grant: SessionGrant, upload: UploadBegin) {
    this.#refuseWhenFull();
    this.entries.push({ kind: 'upload.began', upload });
    return {
      intend: async (sealed: { token: string; facts: TransferFacts; sync: boolean }) => {
        this.#refuseWhenFull();
        this.entries.push({ kind: 'upload.intended', ...sealed });
      },
      committed: async (facts: TransferFacts, delta: LedgerDelta) => {
        this.entries.push({ kind: 'upload.committed', facts, delta });
      },
      failed: async (facts: TransferFacts) => {
        await this.onUploadFailed();
        this.entries.push({ kind: 'upload.failed', facts });
      },
    };
  }

  async transferEnded(_session: SessionFacts, _grant: SessionGrant, facts: TransferFacts): Promise<void> {
    this.entries.push({ kind: 'transfer.ended', facts });
  }

  beginRemoval(_session: SessionFacts, _grant: SessionGrant, { path }: { readonly path: string }) {
    this.#refuseWhenFull();
    this.entries.push({ kind: 'removal.began', path });
    return {
      done: async (bytes: number | null) => {
        this.entries.push({ kind: 'removal.done', path, bytes });
      },
      cancelled: () => {
        this.entries.push({ kind: 'removal.cancelled', path });
      },
    };
  }

  beginMove(_session: SessionFacts, _grant: SessionGrant, { from, to }: Move): MoveRecord {
    this.#refuseWhenFull();
    this.entries.push({ kind: 'move.began', from: from.path, to: to.path });
    return {
      done: async ({ bytes, files, replacedBytes }) => {
        this.entries.push({ kind: 'move.done', bytes, files, replacedBytes });
      },
      cancelled: () => {
        this.entries.push({ kind: 'move.cancelled' });
      },
    };
  }

  record(session: SessionFacts, grant: SessionGrant | null, fact: SessionFact): void {
    this.entries.push({ kind: 'fact', session, grant, fact });
  }

  /** Session facts of one type. */
  facts<T extends SessionFact['type']>(type: T): Extract<SessionFact, { type: T }>[] {
    return this.entries.flatMap((entry) =>
      entry.kind === 'fact' && entry.fact.type === type ? [entry.fact as Extract<SessionFact, { type: T }>] : [],
    );
  }

  /** Entries of one kind. */
  of<K extends JournalEntry['kind']>(kind: K): Extract<JournalEntry, { kind: K }>[] {
    return this.entries.filter((entry): entry is Extract<JournalEntry, { kind: K }> => entry.kind === kind);
  }

  /** Resolves when the predicate holds; fails after five seconds. */
  async until(predicate: (journal: RecordingJournal) => boolean): Promise<void> {
    for (let waited = 0; !predicate(this); waited += 5) {
      if (waited > 5000) throw new Error(`The journal has only ${JSON.stringify(this.entries, null, 1)}`);
      await sleep(5);
    }
  }

  #refuseWhenFull(): void {
    if (this.full) throw new DomainError('journal.full');
  }
}

const NO_LIMIT: Remaining = {
  bytes: null,
  files: null,
  limitBytes: null,
  limitFiles: null,
  usedBytes: 0,
  usedFiles: 0,
};

/** A quota gate with an optional limit on the total size of any one upload. */
export class FakeQuota implements QuotaGate {
  readonly asks: QuotaAsk[] = [];
  /** Bytes that any upload's file may have; null for no limit. */
  limitBytes: number | null = null;
  released: number[] = [];
  settled = 0;
  /** Bytes beyond the replaced file that a commit may take; null for any. */
  growthLimit: number | null = null;
  /** Transfer ids of dropped partials. */
  readonly droppedPartials: string[] = [];

  async dropped(partialTransferId: string): Promise<void> {
    this.droppedPartials.push(partialTransferId);
  }

  /** Moves that were asked for; refused where they grow the target beyond `growthLimit`. */
  readonly moves: MoveAsk[] = [];
  releasedMoves = 0;

  async openMove(ask: MoveAsk): Promise<MoveLease> {
    this.moves.push(ask);
    if (!this.#hasRoom(ask.bytes, 0)) throw new DomainError('quota.exceeded');
    return {
      release: async () => {
        this.releasedMoves++;
      },
    };
  }

  async open(ask: QuotaAsk) {
    this.asks.push(ask);
    const limit = this.limitBytes;
    if (limit !== null && limit <= ask.startBytes && ask.replacesBytes <= limit)
      throw new DomainError('quota.exceeded');
    let coveredBytes = limit ?? Number.MAX_SAFE_INTEGER;
    return {
      get coveredBytes() {
        return coveredBytes;
      },
      extend: async (totalBytes: number) => {
        coveredBytes = limit === null ? totalBytes : Math.min(totalBytes, limit);
        return coveredBytes;
      },
      covers: (totalBytes: number, replacedBytes: number | null) => this.#hasRoom(totalBytes, replacedBytes),
      retarget: async (totalBytes: number, replacedBytes: number | null) => this.#hasRoom(totalBytes, replacedBytes),
      release: async (keptBytes: number) => {
        this.released.push(keptBytes);
        return keptBytes;
      },
      settled: () => {
        this.settled++;
      },
    };
  }

  #hasRoom(totalBytes: number, replacedBytes: number | null): boolean {
    return totalBytes - (replacedBytes ?? 0) <= (this.growthLimit ?? Infinity);
  }

  async remaining(): Promise<Remaining> {
    return this.limitBytes === null ? NO_LIMIT : { ...NO_LIMIT, bytes: this.limitBytes, limitBytes: this.limitBytes };
  }
}

/** Ports in memory: accounts by login name, one memory backend per mount, a journal that records. */
export class FakePorts implements EnginePorts {
  readonly journal = new RecordingJournal();
  readonly quota = new FakeQuota();
  readonly accounts = new Map<string, { readonly password: string; readonly grant: SessionGrant }>();
  readonly backends = new Map<string, StorageBackend>();
  readonly tenantHosts = new Map<string, TenantHost>();
  readonly attempts: LoginAttempt[] = [];
  /** Messages of level warn and error. */
  readonly complaints: { readonly message: string; readonly fields?: Record<string, unknown> }[] = [];
  /** Runs before the password is looked at; may wait or throw. */
  beforeLogin: (attempt: LoginAttempt) => Promise<void> | void = () => {};

  /** Add an account; the login name is as the client must send it. */
  addAccount(login = 'bob', grant: SessionGrant = aGrant(), password = TEST_PASSWORD): SessionGrant {
    this.accounts.set(login, { password, grant });
    return grant;
  }

  /** The backend behind a mount, made on first use. */
  backendOf(mount: GrantMount): StorageBackend {
    let backend = this.backends.get(mount.mountId);
    if (backend === undefined) {
      backend = new MemoryBackend();
      this.backends.set(mount.mountId, backend);
    }
    return backend;
  }

  readonly authenticator = {
    authenticate: async (attempt: LoginAttempt): Promise<SessionGrant> => {
      this.attempts.push(attempt);
      await this.beforeLogin(attempt);
      const account = this.accounts.get(attempt.login);
      if (account === undefined || account.password !== attempt.password) throw new DomainError('auth.failed');
      return account.grant;
    },
    authenticateByCertificate: async (attempt: Omit<LoginAttempt, 'password'>): Promise<SessionGrant | null> => {
      const grant = this.accounts.get(attempt.login)?.grant;
      return grant !== undefined && attempt.certificateNames?.includes(grant.login) === true ? grant : null;
    },
  };

  readonly storage = { backendFor: (mount: GrantMount): StorageBackend => this.backendOf(mount) };

  readonly tenants = {
    haveCertificates: () => [...this.tenantHosts.values()].some(({ certificate }) => certificate !== null),
    find: async (host: string): Promise<TenantHost | null> => this.tenantHosts.get(host) ?? null,
  };

  metering: EnginePorts['metering'] = undefined;

  readonly log: Log = {
    debug: () => {},
    info: () => {},
    warn: (message, fields) => this.complaints.push({ message, fields }),
    error: (message, fields) => this.complaints.push({ message, fields }),
  };
}
