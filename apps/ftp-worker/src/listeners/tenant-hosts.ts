import type { TenantHostRecord } from '@quayside/database';
import type { TenantDirectory, TenantHost } from '@quayside/ftp-engine';

/** Reads hosts; TenantDirectoryRepository is one. */
export interface HostRecords {
  findHost(host: string): Promise<TenantHostRecord | null>;
  haveCertificates(): Promise<boolean>;
}

/** With what the engine need not know. */
interface KnownHost extends TenantHost {
  readonly tenantId: string;
}

const MAX_ENTRIES = 10_000;
/** Longest that a client waits for the tenant of its HOST or SNI. */
const ANSWER_MS = 1_000;

/** Tenants by the names that HOST and SNI give, remembered until something about tenants or domains changes. */
export class TenantHosts implements TenantDirectory {
  private readonly known = new Map<string, KnownHost | null>();
  private certificates = true;
  /** Counts the changes; what was asked for before the last one says nothing. */
  private changes = 0;
  private asking = false;

  constructor(private readonly records: HostRecords) {}

  /** True also while it is not known. */
  haveCertificates(): boolean {
    return this.certificates;
  }

  async find(host: string): Promise<KnownHost | null> {
    const name = host.toLowerCase();
    const known = this.known.get(name);
    if (known !== undefined) return known;
    const asked = this.changes;
    let timer: NodeJS.Timeout | undefined;
    const late = new Promise<undefined>((resolve) => {
      timer = setTimeout(resolve, ANSWER_MS, undefined);
    });
    try {
      const record = await Promise.race([this.records.findHost(name), late]);
      if (record === undefined) return null;
      const found = record === null || record.status === 'suspended' ? null : hostOf(record);
      if (asked !== this.changes) return found;
      if (this.known.size >= MAX_ENTRIES) this.known.delete(this.known.keys().next().value!);
      this.known.set(name, found);
      return found;
    } finally {
      clearTimeout(timer);
    }
  }

  /** @param domains whether it may have been one of the domains that changed. */
  forget({ domains }: { readonly domains: boolean }): void {
    this.changes++;
    this.known.clear();
    if (!domains) return;
    this.certificates = true;
    if (!this.asking) void this.ask();
  }

  /** Until the answer is one about what there is now; a failure leaves it unknown until the next change or comparison. */
  private async ask(): Promise<void> {
    this.asking = true;
    try {
      for (let asked = -1; asked !== this.changes;) {
        asked = this.changes;
        const have = await this.records.haveCertificates();
        if (asked === this.changes) this.certificates = have;
      }
    } catch {
      // The database is away: whoever needs it says so.
    } finally {
      this.asking = false;
    }
  }
}

function hostOf({ tenantId, slug, certificate, privateKey }: TenantHostRecord): KnownHost {
  return {
    tenantId,
    slug,
    welcome: null,
    certificate: certificate === null || privateKey === null ? null : { cert: certificate, key: privateKey },
  };
}
