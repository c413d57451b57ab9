import type { CredentialUse, LoginCredential } from '@quayside/database';
import type { Log } from '@quayside/ftp-engine';
import type { PasswordHasher, VerifiedPasswords } from '@quayside/passwords';

/** Writes what logins leave behind at a credential; CredentialRepository is one. */
export interface CredentialStore {
  replaceHash(change: { readonly id: string; readonly oldHash: string; readonly newHash: string }): Promise<boolean>;
  touch(uses: readonly CredentialUse[]): Promise<void>;
  expose(ids: readonly string[]): Promise<void>;
}

export interface CredentialUpkeepOptions {
  readonly store: CredentialStore;
  readonly hasher: Pick<PasswordHasher, 'hash' | 'needsRehash'>;
  readonly verified: Pick<VerifiedPasswords, 'add'>;
  readonly log: Log;
  /** How long uses are gathered before they are written, ms. */
  readonly gatherMs?: number;
  readonly nowMs?: () => number;
}

/** Credentials whose uses are gathered, at most; then they are written at once. */
const MOST_GATHERED = 2000;

/**
 * What a good login leads to, behind its reply and never in its way: the last use is noted, in batches, and a hash that
 * is foreign or too cheap is made again from the password. A failure costs nothing but that; it is logged.
 */
export class CredentialUpkeep {
  private readonly gatherMs: number;
  private readonly nowMs: () => number;
  private readonly uses = new Map<string, CredentialUse>();
  private readonly exposures = new Set<string>();
  private readonly rehashing = new Map<string, Promise<void>>();
  private timer: NodeJS.Timeout | null = null;
  private writing: Promise<void> = Promise.resolve();

  constructor(private readonly options: CredentialUpkeepOptions) {
    this.gatherMs = options.gatherMs ?? 2000;
    this.nowMs = options.nowMs ?? Date.now;
  }

  /** Returns at once. */
  used(credential: LoginCredential, password: string, address: string): void {
    this.uses.set(credential.id, { id: credential.id, at: new Date(this.nowMs()), address });
    this.schedule();
    if (this.rehashing.has(credential.id) || !this.options.hasher.needsRehash(credential.hash, password)) return;
    const rehash = this.rehash(credential, password).finally(() => this.rehashing.delete(credential.id));
    this.rehashing.set(credential.id, rehash);
  }

  /** The right password came in clear to an account that requires TLS. Returns at once. */
  exposed(credential: LoginCredential): void {
    this.exposures.add(credential.id);
    this.schedule();
  }

  /** Finishes what is under way. */
  async stop(): Promise<void> {
    await Promise.all(this.rehashing.values());
    this.write();
    await this.writing;
  }

  private schedule(): void {
    if (this.uses.size + this.exposures.size >= MOST_GATHERED) this.write();
    else this.timer ??= setTimeout(() => this.write(), this.gatherMs).unref();
  }

  private write(): void {
    if (this.timer !== null) clearTimeout(this.timer);
    this.timer = null;
    const uses = [...this.uses.values()];
    const exposures = [...this.exposures];
    this.uses.clear();
    this.exposures.clear();
    const { store, log } = this.options;
    this.writing = this.writing.then(() =>
      Promise.all([store.touch(uses), store.expose(exposures)]).then(
        () => undefined,
        (error: unknown) => log.warn('the last use of passwords could not be noted', { error: String(error) }),
      ),
    );
  }

  private async rehash({ id, hash }: LoginCredential, password: string): Promise<void> {
    const { store, hasher, verified, log } = this.options;
    try {
      const newHash = await hasher.hash(password);
      if (await store.replaceHash({ id, oldHash: hash, newHash })) verified.add(id, newHash, password);
    } catch (error) {
      // The next login tries again.
      log.warn('a password could not be hashed again', { credentialId: id, error: String(error) });
    }
  }
}
