/** How long a client that met the quota is kept from trying the same upload again while nothing has changed. */
export const RETRY_HOLD_MS = 10 * 60_000;
/**
 * From this many refusals in a row on, a client is taken for one that retries for ever. A person who meets the quota and
 * comes back at once with a smaller file must get through.
 */
const PATIENCE = 3;
/** Uploads remembered per worker; the one that met the quota longest ago is forgotten first. */
const MAX_REMEMBERED = 10_000;

/** An upload that ended in 552. */
export interface QuotaRefusal {
  readonly atMs: number;
  /** Bytes that were known to be needed: declared, or received and one more. */
  readonly neededBytes: number;
}

interface Remembered extends QuotaRefusal {
  readonly times: number;
}

/**
 * Whether to refuse an upload before its 150: the last attempt met the quota less than ten minutes ago and what is free
 * now (with the file that it would replace) is still less than it needed.
 */
export function holdsBack(last: QuotaRefusal, availableBytes: number | null, nowMs: number): boolean {
  const recent = nowMs >= last.atMs && nowMs - last.atMs < RETRY_HOLD_MS;
  return recent && availableBytes !== null && availableBytes < last.neededBytes;
}

/** Cuts off clients that retry for ever after 552. Keyed by account and path. */
export class RetryBreaker {
  readonly #refusals = new Map<string, Remembered>();

  /** An upload ended in 552. */
  quotaMet(accountId: string, path: string, refusal: QuotaRefusal): void {
    const key = keyOf(accountId, path);
    const before = this.#refusals.get(key);
    this.#refusals.delete(key);
    // Stopped earlier than last time, the file is as big as it was.
    const neededBytes = Math.max(refusal.neededBytes, before?.neededBytes ?? 0);
    this.#refusals.set(key, { atMs: refusal.atMs, neededBytes, times: (before?.times ?? 0) + 1 });
    if (this.#refusals.size > MAX_REMEMBERED) this.#refusals.delete(this.#refusals.keys().next().value!);
  }

  /** Whether uploads there have met the quota so often that `refuses` needs to know what is available. */
  suspects(accountId: string, path: string): boolean {
    return (this.#refusals.get(keyOf(accountId, path))?.times ?? 0) >= PATIENCE;
  }

  /** Whether to answer 552 at once. A refusal here is no new attempt: the ten minutes go on running. */
  refuses(accountId: string, path: string, availableBytes: number | null, nowMs: number): boolean {
    const key = keyOf(accountId, path);
    const last = this.#refusals.get(key);
    if (last === undefined || last.times < PATIENCE) return false;
    if (holdsBack(last, availableBytes, nowMs)) return true;
    this.#refusals.delete(key);
    return false;
  }

  /** The upload went through after all. */
  succeeded(accountId: string, path: string): void {
    this.#refusals.delete(keyOf(accountId, path));
  }

  get size(): number {
    return this.#refusals.size;
  }
}

function keyOf(accountId: string, path: string): string {
  return `${accountId}\n${path}`;
}
