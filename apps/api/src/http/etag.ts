import { DomainError } from '@quayside/domain';

/** Entity tag of a version (RFC 9110 §8.8.3). It covers what can be edited, not counters such as usage. */
export function etagOf(version: number): string {
  return `"${version}"`;
}

/**
 * A caller's condition on the version of what it changes. The header is optional; `*` matches whatever exists, and
 * tags are compared weakly, because proxies that compress weaken them.
 */
export class Precondition {
  readonly #ifMatch: string | undefined;

  constructor(ifMatch: string | undefined) {
    this.#ifMatch = ifMatch?.trim();
  }

  holds(version: number): boolean {
    if (this.#ifMatch === undefined || this.#ifMatch === '*') return true;
    const tag = etagOf(version);
    return this.#ifMatch.split(',').some((candidate) => candidate.trim().replace(/^W\//, '') === tag);
  }

  /** Throws `version.conflict` (412) where the caller has read another version. */
  check(version: number): void {
    if (!this.holds(version)) throw new DomainError('version.conflict');
  }
}
