import { type CompiledAddresses, parseAddress, sourceOf } from '@quayside/domain';

interface Pressure {
  refusals: number;
  atMs: number;
}

/** Half of what was counted is forgotten after this long. */
const HALF_LIFE_MS = 10_000;
/** Counted refusals at which a source is not greeted any more: about eight a second, kept up. */
const LIMIT = 120;
const MAX_SOURCES = 50_000;

/**
 * Sources that go on trying although every attempt is refused. Their connections are refused before the greeting, at
 * next to no cost, for as long as they go on: a ban alone would cost a session and its events for each attempt.
 */
export class FloodGuard {
  private readonly sources = new Map<string, Pressure>();

  constructor(
    /** Never refused. */
    private readonly allowed: Pick<CompiledAddresses, 'refusal'> | null,
    private readonly nowMs: () => number = Date.now,
  ) {}

  /** An attempt of the address failed, or was refused before its password was looked at. */
  refused(address: string): void {
    const source = sourceOf(address);
    const now = this.nowMs();
    const refusals = this.faded(source, now) + 1;
    this.sources.delete(source);
    if (this.sources.size >= MAX_SOURCES) this.sources.delete(this.sources.keys().next().value!);
    this.sources.set(source, { refusals, atMs: now });
  }

  /** Whether a connection is to be refused; counts it where it is. */
  refuses(address: string): boolean {
    if (this.sources.size === 0 || this.faded(sourceOf(address), this.nowMs()) < LIMIT) return false;
    if (this.allowed !== null && this.allowed.refusal(parseAddress(address)) === null) return false;
    this.refused(address);
    return true;
  }

  private faded(source: string, now: number): number {
    const pressure = this.sources.get(source);
    return pressure === undefined ? 0 : pressure.refusals * 2 ** ((pressure.atMs - now) / HALF_LIFE_MS);
  }
}
