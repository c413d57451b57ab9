import { setTimeout as delay } from 'node:timers/promises';
import type { Balance, QuotaLedgerRepository, RecountOutcome } from '@quayside/database';
import { ROOT } from '@quayside/domain';
import type { StorageBackend } from '@quayside/storage';

export interface CountedSpace {
  readonly id: string;
  readonly backend: 'local';
  readonly root: string;
}

export interface RecountParts {
  readonly ledger: Pick<QuotaLedgerRepository, 'balance'>;
  readonly backendFor: (space: {
    readonly backend: { readonly kind: 'local'; readonly root: string };
    readonly subpath: typeof ROOT;
  }) => StorageBackend;
}

export interface RecountOptions {
  /** What a client was told is in the ledger after this long, also under load, ms. */
  readonly settleMs?: number;
  /** A space that changes all the time is given up after this long, ms. */
  readonly patienceMs?: number;
  readonly signal?: AbortSignal;
}

const SETTLE_MS = 3_000;
const PATIENCE_MS = 60_000;

/**
 * Compares a space's ledger with its files. Uploads may run and commit meanwhile: files are there up to a second before
 * the ledger has them, so a difference counts as drift only where two counts a while apart have found the same one and
 * the ledger has stood still around both. `busy`: it never did, and nothing can be said.
 */
export async function recount(
  parts: RecountParts,
  space: CountedSpace,
  options: RecountOptions = {},
): Promise<RecountOutcome> {
  const { settleMs = SETTLE_MS, patienceMs = PATIENCE_MS, signal } = options;
  const backend = parts.backendFor({ backend: { kind: space.backend, root: space.root }, subpath: ROOT });
  const untilMs = performance.now() + patienceMs;
  const { at: since } = await parts.ledger.balance(space.id, null);
  const look = (): Promise<Balance> => parts.ledger.balance(space.id, since);
  let suspected: { readonly bytes: number; readonly files: number } | null = null;
  do {
    const before = await look();
    const { bytes, files } = await backend.measure(signal === undefined ? {} : { signal });
    const ledger = await look();
    const stands = isSame(before, ledger);
    const found = { bytes: bytes - ledger.bytes, files: files - ledger.files };
    const outcome = { ledger: { bytes: ledger.bytes, files: ledger.files }, stored: { bytes, files } };
    if (stands && found.bytes === 0 && found.files === 0) return { verdict: 'equal', ...outcome };
    await delay(settleMs, undefined, signal === undefined ? {} : { signal });
    const isQuiet = stands && isSame(ledger, await look());
    if (isQuiet && suspected?.bytes === found.bytes && suspected.files === found.files) {
      return { verdict: 'drift', ...outcome };
    }
    suspected = isQuiet ? found : null;
  } while (performance.now() < untilMs);
  return { verdict: 'busy', ledger: null, stored: null };
}

function isSame(a: Balance, b: Balance): boolean {
  return a.bytes === b.bytes && a.files === b.files && a.changes === b.changes;
}
