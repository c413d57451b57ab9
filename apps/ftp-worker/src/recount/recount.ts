import type { QuotaLedgerRepository } from '@quayside/database';
import { newId, ROOT } from '@quayside/domain';
import type { StorageBackend } from '@quayside/storage';

export interface CountedSpace {
  readonly id: string;
  readonly tenantId: string;
  readonly backend: 'local';
  readonly root: string;
}

export interface RecountParts {
  readonly ledger: Pick<QuotaLedgerRepository, 'state' | 'apply'>;
  readonly backendFor: (space: {
    readonly backend: { readonly kind: 'local'; readonly root: string };
    readonly subpath: typeof ROOT;
  }) => StorageBackend;
}

/** Ledger and files of one space. */
export interface SpaceCount {
  readonly spaceId: string;
  readonly ledger: { readonly bytes: number; readonly files: number };
  readonly stored: { readonly bytes: number; readonly files: number };
  /** `busy`: the ledger changed under the count each time, so that nothing can be said. */
  readonly verdict: 'equal' | 'drift' | 'busy' | 'repaired';
}

const ATTEMPTS = 3;

/** Compare a space's ledger with its files; with `repair`, the ledger is brought to what is stored. */
export async function recount(parts: RecountParts, space: CountedSpace, repair: boolean): Promise<SpaceCount> {
  const backend = parts.backendFor({ backend: { kind: space.backend, root: space.root }, subpath: ROOT });
  const used = async (): Promise<{ bytes: number; files: number; reserved: number }> => {
    const { space: state } = await parts.ledger.state(space.tenantId, space.id);
    return { bytes: state.bytesUsed, files: state.filesUsed, reserved: state.bytesReserved };
  };
  let before = await used();
  let stored = await backend.measure({});
  for (let attempt = 1; ; attempt++) {
    const after = await used();
    if (after.bytes === before.bytes && after.files === before.files && after.reserved === before.reserved) break;
    if (attempt === ATTEMPTS) return result(space, after, stored, 'busy');
    before = after;
    stored = await backend.measure({});
  }
  const bytes = stored.bytes - before.bytes;
  const files = stored.files - before.files;
  if (bytes === 0 && files === 0) return result(space, before, stored, 'equal');
  if (!repair) return result(space, before, stored, 'drift');
  const change = { eventId: newId(), tenantId: space.tenantId, spaceId: space.id, bytes, files, transferId: null };
  await parts.ledger.apply([change]);
  return result(space, before, stored, 'repaired');
}

function result(
  { id }: CountedSpace,
  { bytes, files }: { bytes: number; files: number },
  stored: SpaceCount['stored'],
  verdict: SpaceCount['verdict'],
): SpaceCount {
  return { spaceId: id, ledger: { bytes, files }, stored, verdict };
}
